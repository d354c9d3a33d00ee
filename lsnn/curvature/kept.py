"""A tensor of a graph, as a function of one placeholder, with all else computed once."""

from lsnn.backend import tf


class Kept(object):
    """A tensor whose graph runs anew only where it depends on a placeholder.

    The values of everything else that it is made of are kept in variables, so that, in products
    with a Hessian, all vectors share the forward and backward pass at the weights.

    Args:
        tensor: what is wanted, in the default graph.
        placeholder: what it depends on.
        session: of this graph, in which all else that the tensor depends on has a value.
    """

    def __init__(self, tensor, placeholder, session):
        self._session = session
        graph = session.graph
        rest = _at_the_border(tensor, placeholder)
        values = session.run(rest)
        with graph.as_default():
            kept = [
                tf.get_variable("kept_{}".format(i), value.shape, value.dtype, trainable=False)
                for i, value in enumerate(values)
            ]
            self._keep = tf.group(*(tf.assign(one, part) for one, part in zip(kept, rest)))
            inputs = {part.name: one for part, one in zip(rest, kept)}
            inputs[placeholder.name] = placeholder
            (self.tensor,) = tf.import_graph_def(
                graph.as_graph_def(), inputs, [tensor.name], name="anew"
            )

    def keep(self):
        """Compute anew the values that are kept."""
        self._session.run(self._keep)


def _at_the_border(tensor, placeholder):
    """Return what ``tensor`` combines with ``placeholder`` but that does not depend on it.

    These are the tensors, except constants, that enter an operation which depends on it.
    """
    needed = _reached(tensor.op, lambda op: [part.op for part in op.inputs])
    depends = _reached(
        placeholder.op, lambda op: [user for part in op.outputs for user in part.consumers()]
    )
    border = {
        entering.name: entering
        for op in needed & depends
        for entering in op.inputs
        if entering.op not in depends and entering.op.type != "Const"
    }
    return [border[name] for name in sorted(border)]


def _reached(start, neighbours):
    """Return an operation and all that can be reached from it."""
    found, new = {start}, [start]
    while new:
        for op in neighbours(new.pop()):
            if op not in found:
                found.add(op)
                new.append(op)
    return found
