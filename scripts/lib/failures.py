"""Which runs have failed, and which conditions do not learn.

Both are told by the **late training loss**, without the L2 term: the geometric mean over the last
quarter of training, infinite where the run diverged; here as a part of **chance**, the training
loss of the best constant answer, which can differ between the instances of a task.

- A condition does not learn if the median of its runs' late losses (of an even number, the lower of
  the two in the middle) is above 0.9 of chance. Of its runs only those have failed that diverged.
- Elsewhere a run has failed if it diverged, or if its late loss is nearer, in logarithm, to chance
  than to that median; so is every one above chance. One that stopped early (``training.stop``) has
  come to where it was to stop, and has not.
"""

import numpy as np
import pandas as pd

from lib.numbers import is_late, log_or_nan

LEARNS_BELOW = 0.9  # of chance


def with_failures(trajectories: pd.DataFrame) -> pd.DataFrame:
    """Return a table of trajectories that tells of each row whether its run has ``failed``.

    A further column, ``learns``, tells it of the condition.
    """
    keys = ["condition", "seed"]
    states = states_of_runs(trajectories)[["learns", "failed"]]
    columns = [name for name in trajectories if name not in states]
    return trajectories[columns].join(states, on=keys)


def states_of_runs(trajectories: pd.DataFrame) -> pd.DataFrame:
    """Return for every run (index: condition, seed) its late loss, and what it tells.

    Columns: ``late_loss``, ``chance_loss`` (nan if it is not known), ``diverged``, ``stopped``
    (before its last iteration, also where it diverged), ``learns`` (of its condition), ``failed``.
    """
    by_run = trajectories.groupby(["condition", "seed"], sort=False)
    late = is_late(trajectories["fraction"], by_run["fraction"].transform("last"))
    rows = trajectories[late].assign(log_loss=log_or_nan(trajectories["train_loss"][late]))
    states = by_run.agg(
        chance_loss=("chance_loss", "first"),
        diverged=("diverged", "any"),
        stopped=("fraction", lambda fraction: fraction.iloc[-1] < 1),
    )
    logs = rows.groupby(["condition", "seed"], sort=False)["log_loss"].mean()
    states["late_loss"] = np.exp(logs).where(~states["diverged"], np.inf)
    of_chance = states["late_loss"] / states["chance_loss"]
    median = of_chance.groupby("condition").transform(
        lambda of: of.quantile(0.5, interpolation="lower")
    )
    learns = ~(median > LEARNS_BELOW)
    is_like_chance = (of_chance > np.sqrt(median)) & ~states["stopped"]
    return states.assign(learns=learns, failed=states["diverged"] | (learns & is_like_chance))
