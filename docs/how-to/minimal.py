"""From data to the leading eigenvalue of the Hessian: BPTT against a three-factor rule.

Run it in the root of the project, in any environment with TensorFlow, numpy and scipy.
"""

import numpy as np

from lsnn.curvature.eigenvalues import Krylov, extreme_eigenvalues
from lsnn.curvature.hessian import hessian_of
from lsnn.learning_rules import new_rule
from lsnn.network import network_of
from lsnn.study.config import parse_study
from lsnn.training import Trainer

# Data: noisy ramps of unlike length, rising or falling, in the first of three channels.
random = np.random.RandomState(1)
n_trials, n_steps = 400, 30
x = random.randn(n_trials, n_steps, 3)
y = random.randint(0, 2, n_trials)
lengths = random.randint(15, n_steps + 1, n_trials)
for trial, length in enumerate(lengths):
    x[trial, :length, 0] += (2 * y[trial] - 1) * np.linspace(-1, 1, length)
np.savez("ramps.npz", x=x, y=y, lengths=lengths)

# Settings, in the words of a study; what is left out has its default.
study = parse_study(
    {
        "data": ".",
        "task": {"name": "sequences", "file": "ramps.npz"},
        "network": {"n_units": 50, "neurons": {"name": "rate", "tau_m": 20}},
        "loss": {"l2": 0.001},
        "training": {"learning_rate": 0.2, "batch_size": 32},
        "hessian": [],
    }
)

for rule in ("bptt", "three_factor"):
    # The same seed: the same data, initial weights and order of batches under both rules.
    network = network_of(study.network_settings(), study.data, seed=1)
    trainer = Trainer(network, new_rule({"name": rule}), study.training, network.initial_weights())
    # This is the Hessian of the true loss: no learning rule enters it.
    hessian = hessian_of(network, block="w_rec", split="train", samples=200)
    for iteration in range(601):
        if iteration % 200 == 0:
            hessian.move_to(trainer.current_weights())
            (largest,) = extreme_eigenvalues(Krylov(hessian), smallest=False)
            measures = trainer.evaluate()
            print(
                f"{rule:12}  iteration {iteration:3}  training loss {measures['train_loss']:.3f}"
                f"  test accuracy {measures['test_accuracy']:.2f}"
                f"  largest eigenvalue {largest.value:8.3f} +- {largest.residual:.0e} of it"
            )
        trainer.step(*network.task.batch(iteration, study.training.batch_size))
