"""Tensors whose derivatives a learning rule replaces, and what the true ones are."""

from contextlib import contextmanager
from typing import Any, Callable, Iterator

from lsnn.backend import Tensor, tf

_wanted = {"true": False}  # whether the true derivatives are wanted now


@contextmanager
def true_derivatives() -> Iterator[None]:
    """In this context ``tf.gradients`` takes the true derivatives, whatever a rule replaces.

    A rule's gradient is a function of the weights. Taken outside and differentiated within, it has
    its exact derivative: the rule cuts and replaces paths in its own gradient alone. The network is
    unrolled, as for every second derivative.
    """
    before, _wanted["true"] = _wanted["true"], True
    try:
        yield
    finally:
        _wanted["true"] = before


def with_derivatives(
    own: Callable[[Tensor], Any], function: Callable[..., Tensor], *arguments: Tensor
) -> Tensor:
    """Return ``function(*arguments)``, with a rule's own derivatives.

    Args:
        own: function of the derivative with respect to the value that returns those with respect to
            the arguments; None for those that get none. What it computes them from stays
            differentiable.
        function: of tensors, returns a tensor.
    """

    @tf.custom_gradient
    def replaced(*arguments):
        arguments = list(arguments)
        value = function(*arguments)

        def derivatives(d):
            if _wanted["true"]:
                return tf.gradients(value, arguments, d, stop_gradients=arguments)
            return own(d)

        return value, derivatives

    return replaced(*arguments)


def closed(tensor: Tensor) -> Tensor:
    """Return a tensor through which no gradient of a rule passes."""
    return with_derivatives(lambda d: None, tf.identity, tensor)
