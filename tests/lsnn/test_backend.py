"""Which TensorFlow the configuration may ask of this environment."""

import pytest

from lsnn import backend
from lsnn.errors import MissingTensorFlowError

HERE, OTHER = ("1.12", "2") if backend.tf.VERSION.startswith("1.") else ("2", "1.12")


@pytest.mark.parametrize("version", [HERE, HERE + "-gpu"])
def test_the_build_for_a_gpu_is_of_the_same_version(version):
    backend.require(version)


@pytest.mark.parametrize("version", [OTHER, OTHER + "-gpu", HERE[0] + ".999"])
def test_another_version_is_refused(version):
    with pytest.raises(MissingTensorFlowError, match="asks for TensorFlow " + version):
        backend.require(version)
