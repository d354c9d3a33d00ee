"""Tasks: what goes into a network, and what is wanted of it.

To add one, write a module here with a class like
:class:`lsnn.tasks.sequential_mnist.SequentialMnist` and enter it in :data:`TASKS`.
"""

from lsnn.tasks.sequential_mnist import SequentialMnist

TASKS = {"sequential_mnist": SequentialMnist}
