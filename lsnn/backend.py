"""The only module that knows which TensorFlow this is.

Everything else writes TensorFlow 1 graph code against :data:`tf`, which runs on TensorFlow 1.12
and, through ``compat.v1``, on TensorFlow 2.
"""

import os
import sys
import warnings
from typing import Any, Dict, List, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from lsnn.errors import MissingTensorFlowError


class _TensorFlow:
    """TensorFlow, imported on first use.

    So code that only reads the names of rules, neurons and tasks, or finds a job already done, need
    not wait for the import, and the workflow's own Python does without TensorFlow.
    """

    def __getattr__(self, name):
        if name.startswith("__"):  # looked up by tools that inspect objects, such as pytest
            raise AttributeError(name)
        value = getattr(_import_tensorflow(), name)
        setattr(self, name, value)
        return value


def _import_tensorflow():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings from C++ are not for users
    try:
        with warnings.catch_warnings():
            # TensorFlow 1.12 uses spellings that numpy 1.17 and later call deprecated.
            warnings.simplefilter("ignore", FutureWarning)
            import tensorflow
    except ImportError as error:
        raise MissingTensorFlowError(
            f"{sys.executable} cannot import TensorFlow ({error}), which this needs; run it with "
            "the Python of the TensorFlow environment (docs/reference/environments.md)"
        ) from None
    if tensorflow.__version__.startswith("1."):
        tf1 = tensorflow
    else:
        tf1 = tensorflow.compat.v1
        tf1.disable_v2_behavior()
    tf1.logging.set_verbosity(tf1.logging.ERROR)  # deprecations are not for users either
    return tf1


tf = _TensorFlow()
Tensor = Any  # a tf.Tensor, whose class only TensorFlow knows


def require(version: str) -> None:
    """Refuse to compute with a TensorFlow other than the one that the configuration names.

    Args:
        version: "1.12", or "2" for any release of TensorFlow 2; a "-gpu" after it is ignored here,
            as such a build computes on the CPU too.

    Raises:
        MissingTensorFlowError: there is none, or it is another version.
    """
    if not (tf.VERSION + ".").startswith(version.split("-")[0] + "."):
        raise MissingTensorFlowError(
            f"the configuration asks for TensorFlow {version}, {sys.executable} has TensorFlow "
            f"{tf.VERSION}; run it with the Python of the other environment, or change "
            "`tensorflow` in the configuration"
        )


def standard_normal(shape: Tensor, seed: Any) -> Tensor:
    """Return normal numbers of a shape that depend on nothing but ``seed``, int32 (2,)."""
    # TensorFlow 1.12 has the operation, without a public name.
    from tensorflow.python.ops import gen_stateless_random_ops

    return gen_stateless_random_ops.stateless_random_normal(shape, seed)


def flatten(structure: Any) -> List[Tensor]:
    """Return the leaves of nested tuples as a list."""
    from tensorflow.python.util import nest

    return nest.flatten(structure)


def pack(structure: Any, leaves: Sequence[Tensor]) -> Any:
    """Return leaves in the structure of nested tuples, the inverse of :func:`flatten`."""
    from tensorflow.python.util import nest

    return nest.pack_sequence_as(structure, leaves)


def _options(threads):
    """Return session options: that many threads, and on a GPU only the memory that is needed."""
    options = tf.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
    )
    options.gpu_options.allow_growth = True  # several jobs can share a card
    return options


def new_session(graph: Any, threads: int = 1) -> Any:
    """Return a session on ``graph``; it and numpy compute with at most ``threads`` threads."""
    threadpool_limits(threads)
    return tf.Session(graph=graph, config=_options(threads))


def describe(threads: int = 1) -> Dict[str, str]:
    """Return versions and device as text by name, for the metadata of a result."""
    from tensorflow.python.client import device_lib

    # The options matter: the first use of a device fixes the process's number of threads.
    gpus = [
        device.physical_device_desc
        for device in device_lib.list_local_devices(_options(threads))
        if device.device_type == "GPU"
    ]
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "numpy": np.__version__,
        "tensorflow": tf.VERSION,
        "device": "; ".join(gpus) or "CPU",
    }
