"""Errors that a user can mend, and how a command-line program ends on one."""

import sys


class LsnnError(Exception):
    """Something a user can mend. The message names the thing, its value, and the way out."""


class ConfigError(LsnnError):
    """The configuration has an unknown key or an impossible value."""


class DataError(LsnnError):
    """A data file is missing, incomplete or altered."""


class ResultError(LsnnError):
    """A checkpoint, table or record is missing, damaged, foreign, or of another configuration."""


class DivergenceError(LsnnError):
    """The training loss is not a finite number any more."""


class MissingTensorFlowError(LsnnError):
    """TensorFlow is needed and cannot be imported by this Python."""


def run(main):
    """Run the ``main()`` of a program; a user's error becomes one message and exit status 1.

    A full disk, a missing permission and the like (``OSError``) are a user's errors too. Anything
    else is a defect of this project and keeps its traceback.
    """
    try:
        main()
    except (LsnnError, OSError) as error:
        sys.stderr.write("error: {}\n".format(error))
        sys.exit(1)
