"""How a command-line program ends: on an error that a user can fix, and on a signal."""

import contextlib
import os
import signal
import sys
from typing import Callable

from lsnn.errors import LsnnError
from lsnn.storage.files import UNFINISHED_FILES


def run(main: Callable[[], None]) -> None:
    """Run the ``main()`` of a program; a user's error becomes one message and exit status 1.

    A missing permission and the like (``OSError``) are a user's errors too. Anything else is a
    defect of this project and keeps its traceback. SIGTERM, SIGINT and SIGHUP stop the program at
    once, but not before it has cleaned up; the exit status is then 128 + the signal's number, as in
    a shell.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as after `&`, and under nohup
            signal.signal(number, _stop)
    try:
        main()
    except (LsnnError, OSError, MemoryError) as error:
        sys.stderr.write(f"error: {_described(error)}\n")
        sys.exit(1)


def _described(error):
    """Return the message of an error, with a way out where the error itself names none."""
    if isinstance(error, MemoryError):
        return (
            f"there is not enough memory ({error}); allow more, or make the network, the batch or "
            "the number of samples smaller"
        )
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    line = f"{error.filename}: {error.strerror}"
    if isinstance(error, PermissionError):
        line += "; it is another user's, or protected: change that, or work in a folder of your own"
    return line


def _stop(number, frame):
    # No exception: TensorFlow takes one that is raised inside it for an error of its own, or
    # ignores it; and ending in the normal way takes it seconds.
    for path in UNFINISHED_FILES:
        with contextlib.suppress(OSError):
            os.unlink(path)
    os.write(2, f"stopped by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)
