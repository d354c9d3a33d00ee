"""The TensorFlow environment: which Python it gets, and that it is whole or not there."""

import bz2
import functools
import hashlib
import http.server
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile

import pytest
import rattler

import build_environment
from build_environment import BuildError, build, find_python36
from lsnn.storage.files import read_record, sha256_of_file

FAKE = '#!/bin/sh\necho {}\necho "$0"\n'  # what a Python answers that is asked for its version
BROKEN_SHIM = "#!/bin/sh\necho 'shim: python3.6: command not found' >&2\nexit 127\n"


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine that has no Python 3.6 anywhere; its files are in the returned folder."""
    for name in ("PYTHON36", "PYTHON36_CHANNEL", "CONDA_PREFIX", "CONDA_EXE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin_1"), str(tmp_path / "bin_2")]))
    monkeypatch.setenv("PYTHON36_CHANNEL", (tmp_path / "no_channel").as_uri())
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path / "rattler"))
    return tmp_path


def pack(files):
    """Return a .tar.bz2 with these text files, by name; those in bin/ are programs."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            member.mode = 0o755 if name.startswith("bin/") else 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
    return bz2.compress(packed.getvalue())


def write_channel(folder, version):
    """Make a conda channel that has the package python in one version."""
    record = {
        "name": "python",
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": [],
        "subdir": str(rattler.Subdir.current()),
    }
    program = FAKE.format(version)
    entry = {
        "_path": "bin/python",
        "path_type": "hardlink",
        "sha256": hashlib.sha256(program.encode()).hexdigest(),
        "size_in_bytes": len(program),
    }
    package = pack(
        {
            "info/index.json": json.dumps(record),
            "info/files": "bin/python\n",
            "info/paths.json": json.dumps({"paths": [entry], "paths_version": 1}),
            "bin/python": program,
        }
    )
    file = f"python-{version}-0.tar.bz2"
    listed = dict(record, sha256=hashlib.sha256(package).hexdigest(), size=len(package))
    for subdir, packages in ((record["subdir"], {file: listed}), ("noarch", {})):
        (folder / subdir).mkdir(parents=True)
        index = {"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}}
        (folder / subdir / "repodata.json").write_text(json.dumps(index))
    (folder / record["subdir"] / file).write_bytes(package)
    return folder.as_uri()


def test_places_are_searched_in_order(machine, monkeypatch):
    explicit = write_program(machine / "explicit", FAKE.format("3.6.1"))
    on_path = write_program(machine / "bin_2" / "python3.6", FAKE.format("3.6.2"))
    pyenv = write_program(machine / "pyenv/versions/3.6.3/bin/python3.6", FAKE.format("3.6.3"))
    listed = write_program(machine / "listed/bin/python3.6", FAKE.format("3.6.4"))
    (machine / "home" / ".conda").mkdir(parents=True)
    (machine / "home" / ".conda" / "environments.txt").write_text(str(machine / "listed") + "\n")
    prefix = write_program(machine / "conda/envs/old/bin/python3.6", FAKE.format("3.6.5"))
    known = write_program(machine / "known/bin/python3.6", FAKE.format("3.6.6"))
    answer = json.dumps({"envs": [str(machine / "known")]})
    conda = write_program(machine / "bin_1" / "conda", f"#!/bin/sh\necho '{answer}'\n")
    monkeypatch.setenv("PYTHON36", explicit)
    monkeypatch.setenv("CONDA_PREFIX", str(machine / "conda"))

    def search():
        return find_python36(str(machine / "fetched"))

    assert search() == (explicit, "3.6.1", "PYTHON36")
    monkeypatch.delenv("PYTHON36")
    assert search() == (on_path, "3.6.2", "PATH")
    os.unlink(on_path)
    assert search() == (pyenv, "3.6.3", "pyenv")
    os.unlink(pyenv)
    assert search() == (known, "3.6.6", "conda environments")
    os.unlink(conda)
    assert search() == (listed, "3.6.4", "conda environments")
    os.unlink(listed)
    assert search() == (prefix, "3.6.5", "conda environments")
    os.unlink(prefix)
    with pytest.raises(BuildError):
        search()


def test_a_shim_that_points_to_nothing_is_passed_over(machine, capsys):
    write_program(machine / "bin_1" / "python3.6", BROKEN_SHIM)
    right = write_program(machine / "bin_2" / "python3.6", FAKE.format("3.6.9"))
    assert find_python36(str(machine / "fetched")).path == right
    assert capsys.readouterr() == ("", "")


def test_a_shim_is_followed_to_the_interpreter_behind_it(machine):
    behind = write_program(machine / "real" / "python3.6", FAKE.format("3.6.9"))
    write_program(machine / "bin_1" / "python3.6", f'#!/bin/sh\nexec "{behind}" "$@"\n')
    assert find_python36(str(machine / "fetched")).path == behind


@pytest.mark.parametrize(
    "program, reason",
    [
        (None, "No such file"),
        (FAKE.format("3.11.7"), "is Python 3.11.7"),
        (BROKEN_SHIM, "command not found"),
        ("#!/bin/sh\necho hello\n", "hello"),
    ],
)
def test_a_wrong_python36_is_an_error_whatever_else_is_there(machine, monkeypatch, program, reason):
    write_program(machine / "bin_1" / "python3.6", FAKE.format("3.6.9"))
    explicit = machine / "explicit"
    if program:
        write_program(explicit, program)
    monkeypatch.setenv("PYTHON36", str(explicit))
    with pytest.raises(BuildError) as caught:
        find_python36(str(machine / "fetched"))
    message = str(caught.value)
    assert "PYTHON36" in message and str(explicit) in message and reason in message


def test_where_nothing_works_the_error_names_every_place_and_the_ways_out(machine):
    shim = write_program(machine / "bin_1" / "python3.6", BROKEN_SHIM)
    newer = write_program(machine / "bin_2" / "python3.6", FAKE.format("3.8.1"))
    with pytest.raises(BuildError) as caught:
        find_python36(str(machine / "fetched"))
    message = str(caught.value)
    for part in (
        "PYTHON36: not set",
        f"PATH: {shim}: does not run as a Python (exit status 127): shim: python3.6",
        f"PATH: {newer}: is Python 3.8.1",
        "pyenv: no {}".format(machine / "pyenv/versions/3.6.*"),
        "conda environments: no ",
        "conda channel {}: ".format((machine / "no_channel").as_uri()),
        "repodata.json",
        "set PYTHON36 to its path",
        'tensorflow: "2"',
    ):
        assert part in message


def test_python_is_fetched_from_the_conda_channel(machine, monkeypatch, capsys):
    channel = write_channel(machine / "channel", "3.6.15")
    monkeypatch.setenv("PYTHON36_CHANNEL", channel)
    target = machine / "fetched"
    expected = (str(target / "bin" / "python"), "3.6.15", "conda channel " + channel)
    assert find_python36(str(target)) == expected
    assert (target / "conda-meta" / "python-3.6.15-0.json").is_file()
    assert "fetching one from conda channel " + channel in capsys.readouterr().out

    (target / "bin" / "python").unlink()  # recorded as installed and not there
    assert find_python36(str(target)) == expected


def test_a_channel_without_python36_is_named(machine, monkeypatch):
    channel = write_channel(machine / "channel", "3.8.20")
    monkeypatch.setenv("PYTHON36_CHANNEL", channel)
    with pytest.raises(BuildError, match=f"(?s)conda channel {channel}: .*python 3.6"):
        find_python36(str(machine / "fetched"))


@pytest.fixture
def envs(tmp_path, monkeypatch):
    """Requirements of a stand-in for TensorFlow 2.21.0, of a version that the test can choose."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    info = "tensorflow-2.21.0.dist-info/"
    with zipfile.ZipFile(str(wheels / "tensorflow-2.21.0-py3-none-any.whl"), "w") as wheel:
        text = "import os; __version__ = os.environ['STAND_IN_VERSION']\n"
        wheel.writestr("tensorflow/__init__.py", text)
        text = "Metadata-Version: 2.1\nName: tensorflow\nVersion: 2.21.0\n"
        wheel.writestr(info + "METADATA", text)
        text = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(info + "WHEEL", text)
        names = ["tensorflow/__init__.py", info + "METADATA", info + "WHEEL", info + "RECORD"]
        wheel.writestr(info + "RECORD", "".join(name + ",,\n" for name in names))
    folder = tmp_path / "envs"
    folder.mkdir()
    text = f"--no-index\n--find-links {wheels.as_uri()}\ntensorflow==2.21.0\n"
    (folder / "tensorflow-2.txt").write_text(text)
    (folder / "tensorflow-1.12.txt").write_text(text)
    (folder / "tensorflow-2-gpu.txt").write_text(text)
    monkeypatch.setattr(build_environment, "ENVS", str(folder))
    monkeypatch.setenv("STAND_IN_VERSION", "2.21.0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return folder


def test_an_environment_is_built_and_recorded(envs, tmp_path, capsys):
    output = tmp_path / "new" / "environment"
    build("2", str(output))
    record = read_record(str(output / "environment.json"))
    assert record == {
        "tensorflow": "2.21.0",
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
        "interpreter": sys.executable,
        "found": "the Python that runs this program",
        "requirements": "tensorflow-2.txt",
        "requirements_sha256": sha256_of_file(str(envs / "tensorflow-2.txt")),
        "packages": ["tensorflow==2.21.0"],
    }
    printed = capsys.readouterr().out
    assert "Python {} at {}".format(record["python"], sys.executable) in printed
    assert (output / "bin" / "python").exists()


def test_after_a_failure_nothing_looks_complete_and_the_next_call_starts_afresh(
    envs, tmp_path, monkeypatch
):
    output = tmp_path / "environment"
    build("2", str(output))
    (output / "stray").write_text("")

    monkeypatch.setenv("STAND_IN_VERSION", "2.20.0")
    with pytest.raises(BuildError, match="has TensorFlow 2.20.0 instead of 2.21.0"):
        build("2", str(output))
    assert not (output / "environment.json").exists() and not (output / "stray").exists()

    monkeypatch.setenv("STAND_IN_VERSION", "2.21.0")
    build("2", str(output))
    assert (output / "environment.json").exists()


def test_an_interrupted_build_does_not_look_complete(envs, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(build_environment, "_check_tensorflow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build("2", str(tmp_path / "environment"))
    assert (tmp_path / "environment" / "pyvenv.cfg").exists()
    assert not (tmp_path / "environment" / "environment.json").exists()


def test_a_package_that_cannot_be_installed_is_named(envs, tmp_path):
    with open(str(envs / "tensorflow-2.txt"), "a") as stream:
        stream.write("absentpackage==1.0\n")
    with pytest.raises(BuildError, match="(?s)uv pip install.*absentpackage.*Fix this") as caught:
        build("2", str(tmp_path / "environment"))
    assert 'tensorflow: "2"' not in str(caught.value)  # which is what is being built
    assert not (tmp_path / "environment" / "environment.json").exists()


def test_tensorflow_that_cannot_be_imported_is_an_error(envs, tmp_path, monkeypatch):
    monkeypatch.delenv("STAND_IN_VERSION")
    with pytest.raises(BuildError, match="(?s)cannot be imported.*KeyError: 'STAND_IN_VERSION'"):
        build("2", str(tmp_path / "environment"))


def test_tensorflow_2_for_a_gpu_gets_the_same_python_by_its_own_requirements(envs, tmp_path):
    build("2-gpu", str(tmp_path / "environment"))
    record = read_record(str(tmp_path / "environment" / "environment.json"))
    assert record["interpreter"] == sys.executable
    assert record["requirements"] == "tensorflow-2-gpu.txt"


@pytest.mark.parametrize("tensorflow", ["1.12", "1.12-gpu"])
def test_what_is_wanting_on_the_machine_is_said(tensorflow, tmp_path):
    requirements = tmp_path / f"tensorflow-{tensorflow}.txt"
    requirements.write_text("tensorflow{}==1.12.0\n".format("-gpu" * tensorflow.endswith("gpu")))
    python = write_program(tmp_path / "bin" / "python", "#!/bin/sh\nexit 1\n")
    with pytest.raises(BuildError) as error:
        build_environment._check_tensorflow(str(requirements), str(tmp_path))
    assert f"{python}: TensorFlow 1.12.0 is installed and cannot be imported" in str(error.value)
    assert ("CUDA 9.0, cuDNN 7" in str(error.value)) == (tensorflow == "1.12-gpu")


def test_tensorflow_1_is_built_on_the_python36_that_was_found(envs, machine):
    found = write_program(machine / "bin_1" / "python3.6", FAKE.format("3.6.9"))
    with pytest.raises(BuildError, match=f"uv venv .*--python {found}"):
        build("1.12", str(machine / "environment"))  # uv refuses the stand-in for a Python


def test_a_folder_with_other_files_is_left_alone(envs, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.tex").write_text("years")
    with pytest.raises(BuildError, match="is not a virtual environment"):
        build("2", str(tmp_path / "work"))
    assert (tmp_path / "work" / "thesis.tex").read_text() == "years"


def test_of_two_builders_the_second_waits_and_takes_what_the_first_has_made(envs, tmp_path, capsys):
    output = tmp_path / "environment"
    builders = [threading.Thread(target=build, args=("2", str(output))) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    printed = capsys.readouterr().out
    assert printed.count("waiting for") == printed.count("has made it meanwhile") == 1
    assert printed.count("is ready in") == 1 and (output / "environment.json").exists()


@pytest.fixture
def mirror(envs, tmp_path, monkeypatch):
    """A package index that pip alone is configured for; it answers as long as `goes_on` is set."""
    for variable in ("PIP_FIND_LINKS", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    wheel = "tensorflow-2.21.0-py3-none-any.whl"
    page = tmp_path / "simple/tensorflow/index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="{wheel}">{wheel}</a>')
    shutil.copy(tmp_path / "wheels" / wheel, page.parent)
    (envs / "tensorflow-2.txt").write_text("tensorflow==2.21.0\n")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.server.goes_on.wait()
            super().do_GET()

        def log_message(self, *arguments):
            pass

    answer = functools.partial(Handler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer)
    server.asked, server.goes_on = [], threading.Event()
    server.goes_on.set()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    (tmp_path / "pip.conf").write_text(
        f"[global]\nindex-url = http://127.0.0.1:{server.server_port}/simple\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    yield server
    server.goes_on.set()
    server.shutdown()
    server.server_close()


def test_packages_come_from_the_mirror_that_pip_is_configured_for(mirror, tmp_path):
    build("2", str(tmp_path / "environment"))
    assert (tmp_path / "environment" / "environment.json").exists()
    assert any(path.endswith(".whl") for path in mirror.asked)


def test_while_the_installer_of_a_killed_builder_runs_the_next_one_waits(
    mirror, envs, tmp_path, capsys
):
    mirror.goes_on.clear()
    output = str(tmp_path / "environment")
    code = f"import build_environment as b; b.ENVS = {str(envs)!r}; b.build('2', {output!r})"
    scripts = os.path.dirname(build_environment.__file__)
    killed = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": scripts},
        stdout=subprocess.DEVNULL,
    )
    while not mirror.asked:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    following = threading.Thread(target=build, args=("2", output))
    following.start()
    time.sleep(1)
    assert following.is_alive()
    mirror.goes_on.set()
    following.join()
    printed = capsys.readouterr().out
    assert f"waiting for {socket.gethostname()} pid {killed.pid}, which writes here" in printed
    assert "is ready in" in printed


def test_a_mirror_that_is_set_for_uv_is_kept(mirror, monkeypatch):
    assert "UV_DEFAULT_INDEX" in build_environment.settings_of_pip()
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mirror.example/simple")
    assert "UV_DEFAULT_INDEX" not in build_environment.settings_of_pip()
