"""The gradients that a learning rule gives."""

from collections import OrderedDict

from lsnn.backend import tf


def gradients_by(learning_rule, network, weights, respond, targets, l2=True):
    """Return the gradients that the optimiser is given, tensors by name of the parameter.

    Args:
        learning_rule: :class:`lsnn.learning_rules.base.LearningRule` with its constants.
        network: :class:`lsnn.network.Network`.
        weights: tensors by name.
        respond: function of a learning rule that returns the network's
            :class:`lsnn.network.Response`, in whose graph the rule takes effect.
        targets: tensor.
        l2: whether they include the gradient of the L2 term.
    """

    def gradients_of(rule, terms="all"):
        if terms == "l2" and not l2:
            return OrderedDict()
        if terms == "l2":
            loss = network.l2_loss(weights)
        elif terms == "data" or not l2:
            loss = network.data_loss(respond(rule), targets)
        else:
            loss = network.loss(weights, respond(rule), targets)
        found = tf.gradients(loss, [weights[name] for name in network.trained])
        pairs = zip(network.trained, found)
        return OrderedDict((name, one) for name, one in pairs if one is not None)

    return learning_rule.gradients(gradients_of)
