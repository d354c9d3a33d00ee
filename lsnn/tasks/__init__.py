"""Tasks: what goes into a network, and what is wanted of it.

To add one, write a module here with a class like
:class:`lsnn.tasks.sequential_mnist.SequentialMnist`, and enter it in :data:`TASKS`. Its ``options``
(:mod:`lsnn.options`) are the keyword arguments that it is made with, behind the folder of the data
sets. Nothing else knows of tasks; to the network a task is

- ``n_steps``, ``n_in`` and ``n_out``: steps, inputs and outputs;
- ``n_windows`` and ``window_steps``: the output is averaged over each of the last ``n_windows``
  windows of ``window_steps`` steps, which follow one another up to the last step;
- ``readout_bias``: whether the readout has a bias;
- ``loss`` and ``accuracy`` of logits (n_windows, batch, n_out);

and to training and workflow

- ``carries_state``: whether a batch starts from the state in which the batch before has ended;
- ``split_sizes``, ``evaluation_sizes``: examples of each split, and how many of them (the first)
  the learning curve is measured on, ``evaluation_batch`` at a time;
- ``examples``, ``batch`` and ``placeholders``: data;
- ``data_files``: names of the files below the data folder that it reads.
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
