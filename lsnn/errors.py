"""Errors that a user can fix."""


class LsnnError(Exception):
    """Something a user can fix. The message names the thing, its value, and the way out."""


class ConfigError(LsnnError):
    """The configuration has an unknown key or an impossible value."""


class DataError(LsnnError):
    """A data file is missing, incomplete or altered."""


class ResultError(LsnnError):
    """A checkpoint, table or record is missing, damaged, foreign, or of another configuration."""


class DivergenceError(LsnnError):
    """The training loss is no longer a finite number."""


class WriteError(LsnnError):
    """A file cannot be written: the disk is full, the folder is protected, and the like."""


class MissingTensorFlowError(LsnnError):
    """TensorFlow is needed and cannot be imported by this Python."""
