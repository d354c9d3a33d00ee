"""Make the virtual environment in which TensorFlow runs.

TensorFlow 2 gets the Python that runs this program. TensorFlow 1.12 needs a Python 3.6, which is
looked for in this order:

  1. the environment variable PYTHON36: path of a Python 3.6; it must be one
  2. python3.6 on PATH
  3. pyenv: versions/3.6.* in PYENV_ROOT or ~/.pyenv
  4. conda environments of this machine
  5. conda-forge, from which one is fetched to OUTPUT-python-3.6; the environment variable
     PYTHON36_CHANNEL names another conda channel (name, URL, file:///folder)

1.12-gpu needs CUDA 9.0, cuDNN 7 and the NVIDIA driver on this machine too, 2-gpu the driver alone.

OUTPUT/environment.json is written last: an environment that has it is complete.
"""

import argparse
import asyncio
import contextlib
import functools
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from lib.program import run
from lsnn.errors import LsnnError, ResultError
from lsnn.storage.files import exclusive, read_record, sha256_of_file, write_record

TENSORFLOWS = ("1.12", "2", "1.12-gpu", "2-gpu")
ENVS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "envs")
FETCH_SECONDS = 1800
PROBE_SECONDS = 60
WAY_OUT = {
    "1.12": "Fix this and run it again; where TensorFlow 1.12 cannot run (it needs an x86-64 "
    'processor), set tensorflow: "2" in config.yaml.',
    "2": "Fix this and run it again.",
}
# Options of pip's configuration: the variable that tells uv, and what separates several values.
TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
CUDA_9 = (
    "TensorFlow 1.12-gpu needs CUDA 9.0, cuDNN 7 and the NVIDIA driver on this machine. With "
    "--software-deployment-method conda, the environment brings CUDA and cuDNN, but not the driver."
)


class BuildError(LsnnError):
    """The environment cannot be made."""


class Interpreter(NamedTuple):
    """A Python, and how it was found."""

    path: str
    version: str
    found: str


def build(tensorflow, output):
    """Make the environment of one of ``TENSORFLOWS`` in the folder ``output``, from scratch.

    Raises:
        BuildError: no Python fits, a package cannot be installed, TensorFlow cannot be imported, or
            ``output`` holds something other than an environment.
    """
    output = os.path.abspath(output)
    requirements = os.path.join(ENVS, f"tensorflow-{tensorflow}.txt")
    os.makedirs(output, exist_ok=True)
    started = time.time()
    with exclusive(output + ".lock", lambda line: print(line, flush=True)) as lock:
        if _was_made_since(started, output, requirements):
            print(f"{output}: another process has made it meanwhile", flush=True)
            return
        _clear(output)
        if tensorflow.startswith("2"):
            interpreter = probe(sys.executable, "the Python that runs this program")
        else:
            interpreter = find_python36(fetch_to=output + "-python-3.6")
        print(
            f"TensorFlow {tensorflow}: Python {interpreter.version} at {interpreter.path} "
            f"({interpreter.found})",
            flush=True,
        )
        packages = _install(interpreter, requirements, output, lock)
        version = _check_tensorflow(requirements, output)
        record = {
            "tensorflow": version,
            "python": interpreter.version,
            "interpreter": interpreter.path,
            "found": interpreter.found,
            "requirements": os.path.basename(requirements),
            "requirements_sha256": sha256_of_file(requirements),
            "packages": packages,
        }
        write_record(os.path.join(output, "environment.json"), record)
    print(f"TensorFlow {version} is ready in {output}", flush=True)


def _was_made_since(moment, output, requirements):
    """Tell whether another process, which this one waited for, has made this environment."""
    path = os.path.join(output, "environment.json")
    try:
        wanted = read_record(path)["requirements_sha256"] == sha256_of_file(requirements)
        return wanted and os.path.getmtime(path) > moment
    except (ResultError, OSError):
        return False


def _clear(output):
    """Empty the folder of the environment.

    environment.json goes first and pyvenv.cfg last, so that what an interruption leaves is taken
    neither for complete nor for something other than an environment.
    """
    names = os.listdir(output)
    if names and "pyvenv.cfg" not in names:
        raise BuildError(
            f"{output}: holds files and is not a virtual environment; name another folder, or "
            "delete it"
        )
    for name in sorted(names, key=lambda n: (n != "environment.json", n == "pyvenv.cfg")):
        path = os.path.join(output, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def probe(python, found):
    """Return the Interpreter that the program ``python`` is.

    Raises:
        BuildError: it does not run, or is no Python.
    """
    # A shim runs another program, or another one tomorrow: ask for the interpreter behind it.
    code = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)"
    try:
        result = subprocess.run(
            [python, "-I", "-c", code],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{python}: does not run: {error}") from None
    lines = result.stdout.splitlines()
    if result.returncode != 0 or len(lines) != 2 or not re.match(r"\d+\.\d+\.\d+$", lines[0]):
        raise BuildError(
            f"{python}: does not run as a Python (exit status {result.returncode}): "
            f"{_end(result.stdout + result.stderr, lines=2)}"
        )
    return Interpreter(lines[1], lines[0], found)


def _probe_python36(python, found):
    interpreter = probe(python, found)
    if not interpreter.version.startswith("3.6."):
        raise BuildError(f"{python}: is Python {interpreter.version}")
    return interpreter


def find_python36(fetch_to):
    """Return the first Python 3.6 of the places that the head of this file lists.

    Raises:
        BuildError: PYTHON36 is set and is no Python 3.6, or no place has one; the message names
            every place and what is wrong with it.
    """
    explicit = os.environ.get("PYTHON36")
    if explicit:
        try:
            return _probe_python36(explicit, "PYTHON36")
        except BuildError as error:
            raise BuildError(
                f"PYTHON36 must name a Python 3.6. {error}. Correct or unset PYTHON36."
            ) from None
    tried = ["PYTHON36: not set"]
    for place, wanted, candidates in (
        ("PATH", "python3.6", _on_path()),
        ("pyenv", _pyenv_versions(), _in_pyenv()),
        ("conda environments", "bin/python3.6", _in_conda()),
    ):
        if not candidates:
            tried.append(f"{place}: no {wanted}")
        for python in candidates:
            try:
                return _probe_python36(python, place)
            except BuildError as error:
                tried.append(f"{place}: {error}")
    channel = os.environ.get("PYTHON36_CHANNEL", "conda-forge")
    place = f"conda channel {channel}"
    print(f"no Python 3.6 on this machine; fetching one from {place}", flush=True)
    try:
        return _probe_python36(_fetch(channel, fetch_to), place)
    except BuildError as error:
        tried.append(f"{place}: {error}")
    raise BuildError(
        "TensorFlow 1.12 needs Python 3.6, and none was found:\n  {}\nEither install a Python 3.6 "
        'and set PYTHON36 to its path, or set tensorflow: "2" in config.yaml.'.format(
            "\n  ".join(tried)
        )
    )


def _on_path():
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return _existing([os.path.join(folder, "python3.6") for folder in folders if folder])


def _pyenv_versions():
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    return os.path.join(root, "versions", "3.6.*")


def _in_pyenv():
    return _existing(
        [
            os.path.join(folder, "bin", "python3.6")
            for folder in sorted(glob.glob(_pyenv_versions()))
        ]
    )


def _in_conda():
    environments = _environments_of_conda()
    with contextlib.suppress(OSError):
        environments += Path("~/.conda/environments.txt").expanduser().read_text().split("\n")
    prefix = os.environ.get("CONDA_PREFIX")
    if prefix:
        environments += [prefix] + sorted(glob.glob(os.path.join(prefix, "envs", "*")))
    return _existing(
        [os.path.join(folder, "bin", "python3.6") for folder in environments if folder]
    )


def _environments_of_conda():
    """Return the environments that the conda program knows; where it is missing or fails, none."""
    try:
        result = subprocess.run(
            [os.environ.get("CONDA_EXE") or "conda", "info", "--json"],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
        )
        return list(json.loads(result.stdout)["envs"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return []


def _existing(paths):
    """Return the paths that exist, each once, in order."""
    return [path for path in dict.fromkeys(paths) if os.path.isfile(path)]


def _fetch(channel, target):
    """Install Python 3.6 from a conda channel into the folder ``target``; return its path.

    Raises:
        BuildError: the channel cannot be read, or has no Python 3.6 for this machine.
    """
    try:
        import rattler
    except ImportError as error:
        raise BuildError(
            f"py-rattler cannot be imported ({error}); install envs/workflow.txt"
        ) from None
    if os.path.exists(target):
        shutil.rmtree(target)

    async def solve_and_install():
        specs = ["python 3.6.*"]
        virtual_packages = rattler.VirtualPackage.detect()
        records = await rattler.solve([channel], specs, virtual_packages=virtual_packages)
        await rattler.install(records, target, show_progress=False)

    try:
        asyncio.run(asyncio.wait_for(solve_and_install(), FETCH_SECONDS))
    except TimeoutError:
        raise BuildError(f"not done within {FETCH_SECONDS} s") from None
    except Exception as error:  # py-rattler's own errors have no common base but this
        raise BuildError("; ".join(str(error).strip().splitlines()[:6])) from None
    return os.path.join(target, "bin", "python")


def _install(interpreter, requirements, output, lock):
    """Install the requirements into a new environment; return what was installed, by line."""
    uv = functools.partial(
        _uv, settings=settings_of_pip(), lock=lock, way_out=_way_out(requirements)
    )
    uv(["venv", "--allow-existing", "--python", interpreter.path, output])
    python = os.path.join(output, "bin", "python")
    uv(["pip", "install", "--python", python, "-r", requirements])
    return uv(["pip", "freeze", "--python", python]).splitlines()


def _way_out(requirements):
    name = os.path.basename(requirements)
    if name == "tensorflow-1.12-gpu.txt":
        return CUDA_9
    return WAY_OUT["1.12" if name.startswith("tensorflow-1.12") else "2"]


def settings_of_pip():
    """Return the variables that tell uv what pip is configured for: mirrors and certificates.

    Those that are set already are left out, and all if this Python has no pip.
    """
    listed = subprocess.run(
        [sys.executable, "-I", "-m", "pip", "config", "list"],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    ).stdout
    found = {}
    for section in ("global", "install", ":env:"):  # the later ones win
        found.update(re.findall(rf"^{section}\.([a-z-]+)='(.*)'$", listed, re.MULTILINE))
    variables = {}
    for option, (variable, separator) in TO_UV.items():
        values = found.get(option, "").replace("\\n", " ").split()
        if values and variable not in os.environ:
            variables[variable] = separator.join(values)
    if "UV_INDEX" in variables:  # to pip all of them are equal
        variables.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return variables


def _uv(arguments, settings, lock, way_out):
    """Run uv, which holds the lock until it ends, even if this process ends first.

    Returns its standard output.

    Raises:
        BuildError: uv is missing or fails; the message has the end of its output.
    """
    command = [sys.executable, "-I", "-m", "uv"] + arguments
    result = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **settings},
        pass_fds=[lock.fileno()],
    )
    if result.returncode != 0:
        raise BuildError(
            "uv {} failed with exit status {}:\n{}\n{}".format(
                " ".join(arguments), result.returncode, _end(result.stderr), way_out
            )
        )
    return result.stdout


def _check_tensorflow(requirements, output):
    """Import TensorFlow in the environment; return its version.

    Raises:
        BuildError: it cannot be imported, or is not the pinned version.
    """
    with open(requirements, encoding="utf-8") as stream:
        expected = re.search(r"^tensorflow(?:-[cg]pu)?==([0-9.]+)", stream.read(), re.MULTILINE)[1]
    python = os.path.join(output, "bin", "python")
    result = subprocess.run(
        [python, "-I", "-c", "import tensorflow; print(tensorflow.__version__)"],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode != 0:
        raise BuildError(
            f"{python}: TensorFlow {expected} is installed and cannot be imported (exit status "
            f"{result.returncode}):\n{_end(result.stderr)}\n{_way_out(requirements)}"
        )
    version = result.stdout.split()[-1]
    if version != expected:
        raise BuildError(f"{python}: has TensorFlow {version} instead of {expected}")
    return version


def _end(text, lines=20):
    """Return the last lines of a program's output."""
    return "\n".join(text.strip().splitlines()[-lines:])


def main():
    """Read the command line, and build."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tensorflow", required=True, choices=TENSORFLOWS)
    parser.add_argument("--output", required=True, help="folder of the environment")
    arguments = parser.parse_args()
    build(arguments.tensorflow, arguments.output)


if __name__ == "__main__":
    run(main)
