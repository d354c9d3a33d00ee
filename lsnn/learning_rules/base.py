"""What a learning rule may change: the gradient's way through a step of the network."""

from lsnn.backend import tf


class LearningRule(object):
    """The exact gradient; a base for rules that cut, replace or combine some of its paths.

    Every method returns in value what this class returns, to the bit, whatever gradient it lets
    pass: a rule never changes what a network computes.

    A rule with options declares them in ``options`` (:mod:`lsnn.options`), and is made with their
    values as keyword arguments. What :meth:`draw` has drawn for a run is put into ``constants``,
    arrays by name, where its other methods find it.
    """

    options = {}
    constants = {}

    @property
    def label(self):
        """What the rule is called in figures and tables, its options included."""
        raise NotImplementedError

    def draw(self, weights, generator):
        """Return what the rule draws for a run, arrays by name, such as a feedback matrix.

        Args:
            weights: those before training, arrays by name.
            generator: the run's, for this purpose.
        """
        return {}

    def recurrent_input(self, z, distance, step):
        """Return the units' output as it enters the recurrent product.

        Args:
            z: output of the step before (batch, units).
            distance: of the membrane to the threshold after that step (batch, units), in units of
                the neuron model's ``distance``.
            step: number of this step, from 0: an integer, or a tensor in a loop.
        """
        return z

    def recurrent_product(self, z, w_rec):
        """Return the recurrent input z w_rec; side by side for each delay where there are some."""
        return tf.matmul(z, w_rec)

    def readout(self, trace, w_out):
        """Return the readout without its bias, trace (batch, units) times w_out (units, n_out)."""
        return tf.matmul(trace, w_out)

    def gradients(self, gradients_of):
        """Return the gradients that the optimiser is given, tensors by name of the parameter.

        Args:
            gradients_of: function of a learning rule that returns its gradients, tensors by name
                of the parameter: of the whole loss, or with ``terms="task"`` of the task's alone.
        """
        return gradients_of(self)
