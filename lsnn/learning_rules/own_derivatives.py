"""Tensors whose derivatives a learning rule replaces, and what the true ones are."""

from contextlib import contextmanager

from lsnn.backend import tf

_true_ones = [False]  # whether the true derivatives are wanted now


@contextmanager
def true_derivatives():
    """In this context ``tf.gradients`` takes the true derivatives, whatever a rule replaces.

    A rule's gradient is a function of the weights. Taken outside and differentiated within, it has
    its exact derivative: the rule cuts and replaces paths in its own gradient alone. The network is
    unrolled, as for every second derivative.
    """
    _true_ones[0] = True
    try:
        yield
    finally:
        _true_ones[0] = False


def with_derivatives(own, function, *arguments):
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
            if _true_ones[0]:
                return tf.gradients(value, arguments, d, stop_gradients=arguments)
            return own(d)

        return value, derivatives

    return replaced(*arguments)


def closed(tensor):
    """Return a tensor through which no gradient of a rule passes."""
    return with_derivatives(lambda d: None, tf.identity, tensor)
