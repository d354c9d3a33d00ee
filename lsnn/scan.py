"""A step function applied along a sequence, step by step in the graph or in a loop."""

from typing import Any, Callable, Tuple

from lsnn.backend import Tensor, tf


def scan(
    step: Callable[[Any, Any, Tensor], Tuple[Any, Tuple[Tensor, ...]]],
    state: Any,
    inputs: Tensor,
    n_steps: int,
    in_loop: bool,
    keep: int,
    n_tensors: int = 1,
) -> Tuple[Any, Tuple[Tensor, ...]]:
    """Apply ``step`` from the first to the last input.

    Args:
        step: function of (t, state, input) that returns the next state and a tuple of `n_tensors`
            float32 tensors.
        state: tensors in any structure of tuples.
        inputs: (n_steps, ...).
        n_steps: how many steps there are.
        in_loop: False: the graph has every step once, and has derivatives of any order. True: it
            has a loop, which is built in no time, but can be differentiated only once.
        keep: for how many of the last steps the tensors are wanted.

    Returns:
        The last state, and the tensors, each (keep, ...).
    """
    if in_loop:
        return _loop(step, state, inputs, n_steps, keep, n_tensors)
    kept = []
    for t, x in enumerate(tf.unstack(inputs, n_steps)):
        state, tensors = step(t, state, x)
        kept.append(tensors)
    return state, tuple(tf.stack(values) for values in zip(*kept[-keep:]))


def _loop(step, state, inputs, n_steps, keep, n_tensors):
    inputs = tf.TensorArray(inputs.dtype, n_steps).unstack(inputs)

    def body(t, state, arrays):
        state, tensors = step(t, state, inputs.read(t))
        arrays = [array.write(t, tensor) for array, tensor in zip(arrays, tensors)]
        return t + 1, state, arrays

    arrays = [tf.TensorArray(tf.float32, n_steps) for _ in range(n_tensors)]
    _, state, arrays = tf.while_loop(
        lambda t, *_: t < n_steps,
        body,
        (tf.constant(0), state, arrays),
        parallel_iterations=1,
    )
    return state, tuple(array.stack()[n_steps - keep :] for array in arrays)
