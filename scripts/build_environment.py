"""Make the virtual environment in which TensorFlow runs.

TensorFlow 2 gets the Python that runs this program. TensorFlow 1.12 needs Python 3.6: the one that
the environment variable PYTHON36 names or, where it is not set, one from conda-forge, which is put
into OUTPUT-python-3.6. PYTHON36_CHANNEL names another conda channel (name, URL, file:///folder).

The environment's own pip installs the packages; mirrors and certificates are those that pip is
configured for. 1.12-gpu needs CUDA 9.0, cuDNN 7 and the NVIDIA driver on this machine too, 2-gpu
the driver alone.

OUTPUT/environment.json is written last: an environment that has it is complete. It is kept if it
was made from the requirements of today.
"""

import argparse
import asyncio
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.program import run
from lsnn.errors import LsnnError, ResultError
from lsnn.storage.files import exclusive, read_record, sha256_of_file, write_record

TENSORFLOWS = ("1.12", "2", "1.12-gpu", "2-gpu")
ENVS = Path(__file__).resolve().parents[1] / "envs"
PYTHON36 = "3.6.15"
# The newest; Python 3.6 brings pip 18, for which some wheels are too new.
PIP_FOR_PYTHON36 = "pip==21.3.1"
FETCH_SECONDS = 1800

NO_PYTHON36 = (
    "Set the environment variable PYTHON36 to a Python 3.6, such as /usr/bin/python3.6 or "
    f'~/.pyenv/versions/{PYTHON36}/bin/python, or set tensorflow: "2" in config.yaml.'
)
WAYS_OUT = {
    "1.12": "Fix this and run it again; where TensorFlow 1.12 cannot run (it needs an x86-64 "
    'processor), set tensorflow: "2" in config.yaml.',
    "1.12-gpu": "TensorFlow 1.12-gpu needs CUDA 9.0, cuDNN 7 and the NVIDIA driver on this "
    "machine. With --software-deployment-method conda, the environment brings CUDA and cuDNN, but "
    "not the driver.",
}


class BuildError(LsnnError):
    """The environment cannot be made."""


def build(tensorflow: str, output: Path) -> None:
    """Make the environment of one of ``TENSORFLOWS`` in the folder ``output``.

    Raises:
        BuildError: there is no Python for it, a package cannot be installed, TensorFlow cannot be
            imported, or ``output`` holds something other than an environment.
    """
    output = output.absolute()
    requirements = ENVS / f"tensorflow-{tensorflow}.txt"
    way_out = WAYS_OUT.get(tensorflow, "Fix this and run it again.")
    with exclusive(f"{output}.lock", functools.partial(print, flush=True)) as lock:
        if _is_complete(output, requirements):
            print(f"{output}: already complete; to make it anew, delete it", flush=True)
            return
        _clear(output)
        interpreter = sys.executable if tensorflow.startswith("2") else find_python36(output)
        print(f"TensorFlow {tensorflow}: installing into {output}, by {interpreter}", flush=True)
        # Children hold the lock, too: until they end, even if this process is killed.
        call = functools.partial(_call, way_out=way_out, pass_fds=[lock.fileno()])
        call([interpreter, "-I", "-m", "venv", output])
        python: list[str | Path] = [output / "bin" / "python", "-I"]
        install = [*python, "-m", "pip", "install", "--quiet"]
        if tensorflow.startswith("1"):
            call([*install, PIP_FOR_PYTHON36])
        call([*install, "-r", requirements])
        version = call([*python, "-c", "import tensorflow; print(tensorflow.__version__)"])
        record = {
            "tensorflow": version,
            "python": call([*python, "-c", "import platform; print(platform.python_version())"]),
            "interpreter": interpreter,
            "requirements": requirements.name,
            "requirements_sha256": sha256_of_file(requirements),
            "packages": call([*python, "-m", "pip", "freeze", "--all"]).splitlines(),
        }
        write_record(output / "environment.json", record)
    print(f"TensorFlow {version} is ready in {output}", flush=True)


def _is_complete(output: Path, requirements: Path) -> bool:
    try:
        record = read_record(output / "environment.json")
    except ResultError:
        return False
    return record["requirements_sha256"] == sha256_of_file(requirements)


def _clear(output: Path) -> None:
    """Make way for an environment: delete the one that is there."""
    if output.exists() and any(output.iterdir()) and not (output / "pyvenv.cfg").exists():
        raise BuildError(
            f"{output}: holds files and is not a virtual environment; name another folder, or "
            "delete it"
        )
    replaced = output.with_name(output.name + ".replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if output.exists():
        output.rename(replaced)  # so that no part of it is ever taken for something else
        shutil.rmtree(replaced)


def find_python36(output: Path) -> str:
    """Return the Python 3.6 for the environment ``output``; fetch one if PYTHON36 is not set.

    Raises:
        BuildError: PYTHON36 is set and is no Python 3.6, or none can be fetched.
    """
    python = os.environ.get("PYTHON36")
    if not python:
        return _fetch_python36(os.environ.get("PYTHON36_CHANNEL", "conda-forge"), output)
    version = _call(
        [python, "-I", "-c", "import platform; print(platform.python_version())"],
        way_out=f"PYTHON36 names this program. {NO_PYTHON36}",
    )
    if not version.startswith("3.6."):
        raise BuildError(f"PYTHON36: {python}: is Python {version}. {NO_PYTHON36}")
    return python


def _fetch_python36(channel: str, output: Path) -> str:
    """Install Python 3.6 from a conda channel beside the environment; return its path.

    Raises:
        BuildError: the channel cannot be read, or has no such Python for this machine.
    """
    target = Path(f"{output}-python-3.6")
    print(
        f"PYTHON36 is not set: fetching Python {PYTHON36} from conda channel {channel}", flush=True
    )

    async def solve_and_install():
        import rattler  # here, as TensorFlow 2 needs none

        records = await rattler.solve(
            [channel], [f"python =={PYTHON36}"], virtual_packages=rattler.VirtualPackage.detect()
        )
        await rattler.install(records, target, show_progress=False)

    shutil.rmtree(target, ignore_errors=True)
    try:
        asyncio.run(asyncio.wait_for(solve_and_install(), FETCH_SECONDS))
    except Exception as error:  # py-rattler's own errors have no other common base
        raise BuildError(
            f"TensorFlow 1.12 needs Python 3.6. PYTHON36 is not set, and conda channel {channel} "
            f"gives none: {_end(str(error)) or type(error).__name__}\n{NO_PYTHON36}"
        ) from None
    return str(target / "bin" / "python")


def _call(command: Sequence[str | Path], way_out: str, pass_fds: Sequence[int] = ()) -> str:
    """Run a program; return what it prints, stripped.

    Raises:
        BuildError: it cannot be started or fails; the message ends with ``way_out``.
    """
    line = " ".join(map(str, command))
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise BuildError(f"{line}: does not start: {error}\n{way_out}") from None
    if done.returncode != 0:
        reason = _end(done.stdout + done.stderr)
        raise BuildError(f"{line} failed with exit status {done.returncode}:\n{reason}\n{way_out}")
    return done.stdout.strip()


def _end(text: str) -> str:
    """Return the last lines of a text."""
    return "\n".join(text.strip().splitlines()[-20:])


def main() -> None:
    """Read the command line, and build."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tensorflow", required=True, choices=TENSORFLOWS)
    parser.add_argument("--output", required=True, type=Path, help="folder of the environment")
    arguments = parser.parse_args()
    build(arguments.tensorflow, arguments.output)


if __name__ == "__main__":
    run(main)
