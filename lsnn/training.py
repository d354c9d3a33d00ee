"""Training by a learning rule, with a checkpoint every so many iterations."""

import operator
import time
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from lsnn.backend import Tensor, flatten, new_session, pack, tf
from lsnn.errors import DivergenceError
from lsnn.learning_rules import new_rule
from lsnn.learning_rules.base import LearningRule
from lsnn.network import PARAMETERS, Network, Response
from lsnn.randomness import generator
from lsnn.rewiring import REWIRED, DalesLaw, Rewiring
from lsnn.storage.checkpoints import sha256_of_weights
from lsnn.storage.progress import Progress, under, without_prefix
from lsnn.tasks.base import Task, mean_by_example
from lsnn.update.settings import ADAM, SGD, TrainingSettings, split_of
from lsnn.update.update import Update, responses_to

OPTIMISERS = {SGD: "GradientDescentOptimizer", ADAM: "AdamOptimizer"}  # in tf.train

# What the names of arrays begin with in checkpoint files and in records of progress.
OF_RULE = "rule/"  # constants of the learning rule
MEMORY = "memory/"  # what the next step depends on besides weights and iteration
MEASURES = "measures/"  # a row of the learning curve

FINAL, TRAIN_LOSS = "final", "train_loss"  # where along another run a run can begin

STANDARD_ERROR = "_se"  # what the name of a measure's standard error ends in


def learning_curve_names(task: Task) -> List[str]:
    """Return the names of what is recorded at a checkpoint.

    The task's measures are means over the evaluation set of each split, with their standard errors
    over its examples. The loss among them is without the L2 term, which is given by itself;
    activity is that on the validation split.
    """
    names = [f"{split}_{measure.name}" for split in task.splits for measure in task.measures]
    return names + [name + STANDARD_ERROR for name in names] + ["l2_loss", "mean_activity"]


def constants_of(arrays: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """Return what a learning rule has drawn, by name, among the arrays of a checkpoint file."""
    return without_prefix(OF_RULE, arrays)


class TrainingResult(NamedTuple):
    """A trained run."""

    arrays: Dict[str, Any]  # of its checkpoint file, by name
    rows: List[Dict[str, float]]  # its learning curve, a mapping per checkpoint
    diverged_at: Optional[int]  # the iteration at which the loss was no longer finite, if any
    ms_per_iteration: Optional[float]  # mean time of an iteration; None if none was left to do

    @property
    def iterations(self) -> List[int]:
        """The iterations at which there is a checkpoint, a list."""
        return self.arrays["iteration"].tolist()


class Evaluation(NamedTuple):
    """The part of a graph that evaluates a network on examples of one length."""

    inputs: Tensor  # placeholder, as the task has it
    targets: Tensor  # placeholder
    means: Dict[str, Tensor]  # the task's measures, and the mean activity, by name
    by_example: Dict[str, Tensor]  # the measures of every example (batch,), by name


def evaluation_of(task: Task, inputs: Tensor, targets: Tensor, response: Response) -> Evaluation:
    """Return the :class:`Evaluation` of a network's response to the inputs of a task."""
    measures = {measure.name: getattr(task, measure.name) for measure in task.measures}
    means = OrderedDict(
        (name, measure(response.logits, targets)) for name, measure in measures.items()
    )
    by_example = OrderedDict(
        (name, measure(response.logits, targets, average=mean_by_example))
        for name, measure in measures.items()
    )
    means["mean_activity"] = response.mean_activity
    return Evaluation(inputs, targets, means, by_example)


class Trainer:
    """The graph of one training run and its session.

    Args:
        network: what is trained.
        learning_rule: with its constants.
        training: how.
        weights: arrays by name to start from.
        iteration: number of the next step.
        rewiring: of the run, if its weights have signs to keep.
        threads: most threads to compute with.
        start: weights before training, arrays by name; ``weights`` if None.
    """

    def __init__(
        self,
        network: Network,
        learning_rule: LearningRule,
        training: TrainingSettings,
        weights: Mapping[str, np.ndarray],
        iteration: int = 0,
        rewiring: Optional[Union[Rewiring, DalesLaw]] = None,
        threads: int = 1,
        start: Optional[Mapping[str, np.ndarray]] = None,
    ):
        self.update = Update(learning_rule, network, training, weights if start is None else start)
        self.task = network.task
        self.noisy = network.neurons.input_noise > 0.0
        self.training = training
        self.seed = network.seed
        self.iteration = iteration
        self.rewiring = rewiring
        with tf.Graph().as_default() as graph:
            self.inputs, self.targets = self.task.placeholders()
            self.noise_seed = tf.placeholder_with_default(0, [], "noise_seed")
            self.learning_rate = tf.placeholder_with_default(training.learning_rate, [])
            self.weights = network.variables()
            respond = responses_to(network, self.inputs, self.noise_seed)
            response = respond(learning_rule.loss_rule, self.weights)
            self.initial_state, self.final_state = response.initial_state, response.final_state
            self.task_loss = self.task.loss(response.logits, self.targets)
            self.l2_loss = network.l2_loss(self.weights)
            self.loss = network.loss(self.weights, response, self.targets)
            self.mean_activity = response.mean_activity
            trained = self.update.trained
            parameters = [self.weights[name] for name in trained]

            self.gradients = self.update.direction(self.weights, respond, self.targets)
            gradients = [self.gradients[name] for name in trained]
            optimiser = getattr(tf.train, OPTIMISERS[training.optimiser])(self.learning_rate)
            # Otherwise a weight could be updated before the gradient of another has read it.
            with tf.control_dependencies([*gradients, self.loss]):
                self.descend = optimiser.apply_gradients(zip(gradients, parameters))
            self._optimiser_variables = optimiser.variables()
            initialise = tf.variables_initializer(self._optimiser_variables)
            self._evaluations = self._new_evaluations(network, response)
        self.session = new_session(graph, threads)
        self.session.run(initialise)
        self._carried = None  # state in which the last batch ended
        rewired = [name for name in REWIRED if name in trained] if rewiring else []
        self._rewired = {name: weights[name] for name in rewired}
        for name, variable in self.weights.items():
            variable.load(weights[name], self.session)

    def _new_evaluations(self, network, response):
        """Return the :class:`Evaluation` of each split, by its name.

        Splits whose examples are as long as those of training share one. Others have that of the
        same weights for their length.
        """
        form = operator.attrgetter("n_steps", "n_windows", "window_steps")
        evaluations = {
            form(self.task): evaluation_of(network.task, self.inputs, self.targets, response)
        }
        found = OrderedDict()
        for split in self.task.splits:
            task, _ = self.task.of_split(split)
            if form(task) not in evaluations:
                other = network.for_task(task)
                inputs, targets = task.placeholders()
                answer = other.respond(self.weights, inputs)
                evaluations[form(task)] = evaluation_of(other.task, inputs, targets, answer)
            found[split] = evaluations[form(task)]
        return found

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        """Take one step of the optimiser on a batch of the task; return the loss before it."""
        learning_rate = self.update.learning_rate(self.iteration)
        feed = {self.inputs: inputs, self.targets: targets, self.learning_rate: learning_rate}
        if self.noisy:
            random = generator(self.seed, "input noise", self.iteration)
            feed[self.noise_seed] = random.randint(1, 2**31 - 1)  # 0 is that of evaluation
        fetches = [self.loss, self.descend]
        if self.task.carries_state:
            fetches.append(self.final_state)
            if self._carried is not None:
                feed[self.initial_state] = self._carried
        loss, _, *states = self.session.run(fetches, feed)
        if states:
            self._carried = states[0]
        if self.rewiring:
            self._rewire(learning_rate)
        self.iteration += 1
        return loss

    def _rewire(self, learning_rate):
        after = self.session.run({name: self.weights[name] for name in self._rewired})
        for name, before in self._rewired.items():
            rewired = self.rewiring.step(name, before, after[name], learning_rate, self.iteration)
            self._rewired[name] = rewired
            self.weights[name].load(rewired, self.session)

    def current_weights(self) -> Dict[str, np.ndarray]:
        """Return the weights as arrays by name."""
        return self.session.run(self.weights)

    def memory(self) -> Dict[str, np.ndarray]:
        """Return what the next step depends on besides weights and iteration, as arrays by name."""
        values = self.session.run(self._optimiser_variables)
        memory = {f"optimiser_{i}": value for i, value in enumerate(values)}
        if self.task.carries_state:
            carried = flatten(self._carried) if self._carried else self._zeros()
            memory.update((f"state_{i}", value) for i, value in enumerate(carried))
        return memory

    def _zeros(self):
        """Return the state before the first batch, a list."""
        return [
            np.zeros(
                [self.training.batch_size, *part.shape.as_list()[1:]], part.dtype.as_numpy_dtype
            )
            for part in flatten(self.initial_state)
        ]

    def remember(self, memory: Mapping[str, np.ndarray]) -> None:
        """Take up what :meth:`memory` has returned."""
        for i, variable in enumerate(self._optimiser_variables):
            variable.load(memory[f"optimiser_{i}"], self.session)
        if "state_0" in memory:
            n_parts = len(flatten(self.initial_state))
            parts = [memory[f"state_{i}"] for i in range(n_parts)]
            self._carried = pack(self.initial_state, parts)

    def evaluate(self) -> Dict[str, float]:
        """Return what :func:`learning_curve_names` names at the current weights, by name."""
        measures = {"l2_loss": float(self.session.run(self.l2_loss))}
        for split in self.task.splits:
            means = self._evaluate_split(split)
            activity = means.pop("mean_activity")
            if split == "validation":
                measures["mean_activity"] = activity
            if split in self.task.tests:  # it may overflow there alone: that is no divergence
                means = {n: mean if np.isfinite(mean) else np.nan for n, mean in means.items()}
            measures.update((split + "_" + name, mean) for name, mean in means.items())
        return measures

    def _evaluate_split(self, split):
        """Return the task's measures and the mean activity over the evaluation set of a split.

        With the measures are their standard errors over the examples; of one example they are nan.
        """
        task, name_there = self.task.of_split(split)
        at = self._evaluations[split]
        size, step = task.evaluation_sizes[name_there], task.evaluation_batch
        totals = dict.fromkeys(at.means, 0.0)
        by_example = {name: [] for name in at.by_example}
        for start in range(0, size, step):
            indices = np.arange(start, min(start + step, size))
            inputs, targets = task.examples(name_there, indices)
            feed = {at.inputs: inputs, at.targets: targets}
            found, values = self.session.run([at.means, at.by_example], feed)
            for name, value in found.items():
                totals[name] += len(indices) * float(value)
            for name, value in values.items():
                by_example[name].append(value.astype(np.float64))
        results = {name: total / size for name, total in totals.items()}
        for name, batches in by_example.items():
            values = np.concatenate(batches)
            error = np.std(values, ddof=1) / np.sqrt(size) if size > 1 else np.nan
            results[name + STANDARD_ERROR] = float(error)
        return results


def checkpoint_iterations(iterations: int, checkpoint_every: int) -> List[int]:
    """Return the iterations at which a checkpoint is taken.

    At first, where the loss falls fast, they are close together, each half again as far as the one
    before (0, 1, 2, 3, 5, 8, 12, ...); from the first multiple of ``checkpoint_every`` on they are
    its multiples.
    """
    early = [0, 1]
    while early[-1] < checkpoint_every:
        early.append(-(-3 * early[-1] // 2))
    evenly = range(checkpoint_every, iterations + 1, checkpoint_every)
    return [iteration for iteration in early if iteration < checkpoint_every] + list(evenly)


def train(
    network: Network,
    settings: Mapping[str, Any],
    folder: str,
    log: Callable[[str], None] = print,
    threads: int = 1,
    earlier: Optional[Tuple[Mapping[str, np.ndarray], Sequence[Mapping[str, Any]]]] = None,
    start: Optional[Mapping[str, np.ndarray]] = None,
) -> TrainingResult:
    """Train one network by one learning rule, resuming from the progress in ``folder``, if any.

    A checkpoint is taken before the training step of its iteration
    (:func:`checkpoint_iterations`), the last one of the final state, and is kept in ``folder`` at
    once. Training ends before its last iteration where ``stop`` in the settings says so, and when
    the loss is no longer a finite number: the run has diverged.

    Args:
        network: of the run's seed.
        settings: what :meth:`lsnn.study.config.Study.training_settings` returns.
        folder: where the progress of the run is kept; the caller deletes it when done.
        log: called with a line of text per checkpoint.
        threads: most threads to compute with.
        earlier: arrays of the checkpoint file, and rows of the learning curve, of a run with the
            same settings but fewer iterations, to go on from where there is no progress.
        start: weights to begin with, arrays by name; if None, the network's seed draws them.
            What the learning rule draws for the run does not depend on them.

    Returns:
        :class:`TrainingResult`

    Raises:
        DivergenceError: the loss is not finite at the initial weights.
    """
    seed, training = network.seed, TrainingSettings(**settings["training"])
    assert settings["seed"] == seed, "network and settings are of different runs"
    weights, rewiring = start_of_run(network)
    rule = new_rule(settings["learning_rule"])
    signs = rewiring.signs["w_rec"][:, 0] if rewiring and network.dales_law else None
    rule.take(rule.draw(weights, signs, generator(seed, "learning rule")))

    own = dict(settings)
    if start is not None:
        weights, own["started_from"] = dict(start), sha256_of_weights(start)
    progress = resume(folder, own, learning_curve_names(network.task), earlier, log)
    last = progress.last or dict(weights, iteration=0)
    at = int(last["iteration"])
    trainer = Trainer(network, rule, training, last, at, rewiring, threads, start=weights)
    if progress.size:
        trainer.remember(without_prefix(MEMORY, last))
    diverged_at, ms_per_iteration = loop(trainer, progress, settings, log)
    if diverged_at is not None:
        _tell_of_divergence(diverged_at, progress, settings, log)

    records = progress.records
    arrays = OrderedDict(
        (name, np.stack([record[name] for record in records]))
        for name in (*PARAMETERS, "iteration")
    )
    arrays.update(under(OF_RULE, rule.constants))
    arrays.update(under(MEMORY, without_prefix(MEMORY, progress.last)))
    return TrainingResult(arrays, list(map(_row_of, records)), diverged_at, ms_per_iteration)


def resume(folder, settings, columns, earlier, log):
    """Return the :class:`lsnn.storage.progress.Progress` of a run, with all that it begins with.

    The arguments are those of :func:`train`, and the names of the learning curve's columns.
    """
    # A longer run begins as a shorter one does.
    progress = Progress(folder, dict(settings, iterations=None), log)
    if progress.size and progress.last["iteration"] > settings["iterations"]:
        progress.set_aside("of a run with more iterations")
    if earlier and not progress.size:
        arrays, rows = earlier
        # The memory is that at the last checkpoint; nobody asks for it at another one.
        memory = without_prefix(MEMORY, arrays)
        progress.append(
            *[
                _record(
                    arrays["iteration"][i],
                    {name: arrays[name][i] for name in PARAMETERS},
                    {name: row[name] for name in columns},
                    memory,
                )
                for i, row in enumerate(rows)
            ]
        )
    if progress.size:
        log(f"going on from iteration {progress.last['iteration']} kept in {folder}")
    return progress


def loop(trainer, progress, settings, log):
    """Train to the end, and append every checkpoint to the progress.

    Args:
        trainer: :class:`Trainer`, at the last checkpoint of ``progress`` or at the start.
        progress: :class:`lsnn.storage.progress.Progress`
        settings: as in :func:`train`.
        log: as in :func:`train`.

    Returns:
        The iteration at which the run diverged, or None; and the mean time of an iteration in ms,
        or None.
    """
    first, n_iterations = trainer.iteration, settings["iterations"]
    at = set(checkpoint_iterations(n_iterations, settings["checkpoint_every"]))
    diverged_at, seconds, started = None, 0.0, time.time()
    for iteration in range(first, n_iterations + 1):
        if iteration in at:
            if not (progress.size and progress.last["iteration"] == iteration):
                measures = trainer.evaluate()
                own = [f"{s}_{m.name}" for s in trainer.task.sizes for m in trainer.task.measures]
                own += ["l2_loss", "mean_activity"]
                if not np.isfinite(sum(measures[name] for name in own)):
                    diverged_at = iteration
                    break
                weights = trainer.current_weights()
                progress.append(_record(iteration, weights, measures, trainer.memory()))
                times = (first, seconds, time.time() - started)
                log(_line(iteration, n_iterations, trainer.task, measures, *times))
            if _is_good_enough(_row_of(progress.last), trainer.training.stop):
                break
        if iteration == n_iterations:
            break
        before = time.time()
        loss = trainer.step(*trainer.task.batch(iteration, trainer.training.batch_size))
        seconds += time.time() - before
        if not np.isfinite(loss):
            diverged_at = iteration
            break
    done = iteration - first
    return diverged_at, (1000.0 * seconds / done if done else None)


def _record(iteration, weights, measures, memory):
    """Return the record of a checkpoint, all that training needs to resume from it."""
    record = OrderedDict(iteration=np.int64(iteration))
    record.update((name, weights[name]) for name in PARAMETERS)
    record.update(under(MEASURES, {name: float(value) for name, value in measures.items()}))
    record.update(under(MEMORY, memory))
    return record


def _row_of(record):
    """Return the row of the learning curve in a record."""
    row = {name: float(value) for name, value in without_prefix(MEASURES, record).items()}
    return dict(row, iteration=int(record["iteration"]))


def start_of_run(
    network: Network,
) -> Tuple[Dict[str, np.ndarray], Optional[Union[Rewiring, DalesLaw]]]:
    """Return the weights before training, arrays by name, and what keeps their signs, if any."""
    weights, seed = network.initial_weights(), network.seed
    given, rewiring = network.settings.excitatory, network.settings.rewiring
    excitatory = None if isinstance(given, str) else given  # the only text is FREE_SIGNS
    if rewiring["connectivity"] < 1.0:
        keeper: Union[Rewiring, DalesLaw] = Rewiring(weights, seed, excitatory, **rewiring)
    elif excitatory is not None:
        keeper = DalesLaw(weights, seed, excitatory)
    else:
        return weights, None
    weights.update(keeper.start)
    return weights, keeper


def _is_good_enough(row, stop):
    """Tell whether training ends at a checkpoint, by section ``stop`` of its settings."""
    if not stop:
        return False
    value = row[split_of(stop) + "_" + stop["measure"]]
    return value > stop.get("above", np.inf) or value < stop.get("below", -np.inf)


def _tell_of_divergence(diverged_at, progress, settings, log):
    """Say in the log where a run diverged.

    Raises:
        DivergenceError: it has no checkpoint.
    """
    line = (
        f"{settings['condition']}, seed {settings['seed']}: DIVERGED: the loss at iteration "
        f"{diverged_at} is not a finite number"
    )
    if not progress.size:
        raise DivergenceError(
            line + ", that is, at the initial weights; change network or loss in the configuration"
        )
    log(
        f"{line}. The run ends with its checkpoint at iteration {progress.last['iteration']}; a "
        f"lower training.learning_rate than {settings['training']['learning_rate']} may help"
    )


def _line(iteration, n_iterations, task, measures, first, seconds, elapsed):
    """Return the line of the log for a checkpoint."""
    line = f"iteration {iteration}/{n_iterations}"
    for measure in task.measures:
        values = [f"{split} {measures[split + '_' + measure.name]:.4f}" for split in task.splits]
        line += f"  {measure.name}: {', '.join(values)}"
    line += f"  L2 {measures['l2_loss']:.4f}"
    done = iteration - first
    if done:
        left = elapsed / done * (n_iterations - iteration)
        line += f"  {1000.0 * seconds / done:.1f} ms per iteration, {left:.0f} s left"
    return line
