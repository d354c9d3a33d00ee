"""Tasks: what goes into a network, and what is wanted of it.

To add one, write a module here with a subclass of :class:`lsnn.tasks.base.Task`, or of
:class:`lsnn.tasks.base.FiniteTask` where the training set is finite, and enter it in :data:`TASKS`.
What is measured, and under which label and unit it stands in logs, tables and figures, is declared
there; nothing else knows of tasks.
"""

from lsnn.options import build
from lsnn.tasks.pixelwise_mnist import PixelwiseMnist
from lsnn.tasks.sequential_mnist import SequentialMnist
from lsnn.tasks.store_recall import StoreRecall

TASKS = {
    "sequential_mnist": SequentialMnist,
    "pixelwise_mnist": PixelwiseMnist,
    "store_recall": StoreRecall,
}


def new_task(settings, data):
    """Return the task of a study.

    Args:
        settings: its ``name`` and options.
        data: folder of the data sets.
    """
    return build(TASKS, settings, data)
