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

FAKE = "#!/bin/sh\necho {}\n"  # what a Python answers that is asked for its version
WHEEL = "tensorflow-2.21.0-py3-none-any.whl"


def write_program(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def output(tmp_path, monkeypatch):
    """The folder of an environment, on a machine that has no Python 3.6."""
    monkeypatch.delenv("PYTHON36", raising=False)
    monkeypatch.setenv("PYTHON36_CHANNEL", (tmp_path / "no_channel").as_uri())
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path / "rattler"))
    return tmp_path / "new" / "environment"


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


def test_python36_is_the_one_that_the_user_names(output, tmp_path, monkeypatch):
    program = write_program(tmp_path / "python3.6", FAKE.format("3.6.9"))
    monkeypatch.setenv("PYTHON36", program)
    assert find_python36(output) == program
    monkeypatch.setenv("PYTHON36", "python3.6")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_python36(output) == "python3.6"


@pytest.mark.parametrize(
    "program, reason",
    [
        (None, "No such file"),
        (FAKE.format("3.11.7"), "is Python 3.11.7"),
        ("#!/bin/sh\necho 'shim: command not found' >&2\nexit 127\n", "127:\nshim: command not"),
        ("#!/bin/sh\necho hello\n", "hello"),
    ],
)
def test_a_wrong_python36_is_an_error(output, tmp_path, monkeypatch, program, reason):
    path = tmp_path / "python3.6"
    if program:
        write_program(path, program)
    monkeypatch.setenv("PYTHON36", str(path))
    with pytest.raises(BuildError) as caught:
        find_python36(output)
    for part in ("PYTHON36", str(path), reason, 'tensorflow: "2"'):
        assert part in str(caught.value)


def test_python36_is_fetched_from_the_conda_channel(output, tmp_path, monkeypatch, capsys):
    channel = write_channel(tmp_path / "channel", "3.6.15")
    monkeypatch.setenv("PYTHON36_CHANNEL", channel)
    fetched = output.parent / "environment-python-3.6"
    for _ in range(2):
        assert find_python36(output) == str(fetched / "bin" / "python")
        assert subprocess.check_output([fetched / "bin" / "python"], text=True) == "3.6.15\n"
        (fetched / "bin" / "python").unlink()  # recorded as installed and not there
    assert "fetching Python 3.6.15 from conda channel " + channel in capsys.readouterr().out


@pytest.mark.parametrize(
    "version, reason", [(None, "repodata.json"), ("3.8.20", "python ==3.6.15")]
)
def test_where_no_python36_can_be_fetched_the_ways_out_are_named(
    output, tmp_path, monkeypatch, version, reason
):
    channel = (tmp_path / "channel").as_uri()
    if version:
        write_channel(tmp_path / "channel", version)
    monkeypatch.setenv("PYTHON36_CHANNEL", channel)
    with pytest.raises(BuildError) as caught:
        find_python36(output)
    for part in (channel, reason, "Set the environment variable PYTHON36", 'tensorflow: "2"'):
        assert part in str(caught.value)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A package index, the only one, which has a stand-in for TensorFlow 2.21.0.

    pip alone is told of it, by its file. It answers as long as `goes_on` is set.
    """
    folder = tmp_path / "mirror"
    page = folder / "simple/tensorflow/index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="{WHEEL}">{WHEEL}</a>')
    info = "tensorflow-2.21.0.dist-info/"
    files = {
        "tensorflow/__init__.py": "__version__ = '2.21.0'\n",
        info + "METADATA": "Metadata-Version: 2.1\nName: tensorflow\nVersion: 2.21.0\n",
        info + "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(page.parent / WHEEL, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr(
            info + "RECORD", "".join(name + ",,\n" for name in [*files, info + "RECORD"])
        )
    requirements = tmp_path / "envs"
    requirements.mkdir()
    for name in "1.12", "2", "2-gpu":
        (requirements / f"tensorflow-{name}.txt").write_text("tensorflow==2.21.0\n")
    monkeypatch.setattr(build_environment, "ENVS", requirements)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.server.goes_on.wait()
            super().do_GET()

        def log_message(self, *arguments):
            pass

    answer = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer)
    server.asked, server.goes_on = [], threading.Event()
    server.wheel, server.envs = page.parent / WHEEL, requirements
    server.goes_on.set()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    (tmp_path / "pip.conf").write_text(
        f"[global]\nindex-url = http://127.0.0.1:{server.server_port}/simple\nextra-index-url =\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
    yield server
    server.goes_on.set()
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_an_environment_is_built_from_the_mirror_of_pip_and_kept(mirror, output, capsys):
    build("2-gpu", output)
    record = read_record(output / "environment.json")
    packages = record.pop("packages")
    assert record == {
        "tensorflow": "2.21.0",
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
        "interpreter": sys.executable,
        "requirements": "tensorflow-2-gpu.txt",
        "requirements_sha256": sha256_of_file(mirror.envs / "tensorflow-2-gpu.txt"),
    }
    assert "tensorflow==2.21.0" in packages
    assert f"installing into {output}, by {sys.executable}" in capsys.readouterr().out
    assert any(path.endswith(WHEEL) for path in mirror.asked)

    mirror.asked.clear()
    before = (output / "environment.json").stat()
    build("2-gpu", output)
    assert "already complete" in capsys.readouterr().out
    assert mirror.asked == [] and (output / "environment.json").stat() == before


@pytest.fixture(scope="module")
def new_environment(tmp_path_factory):
    """What `python -m venv` makes, which takes seconds."""
    folder = tmp_path_factory.mktemp("new_environment")
    subprocess.run([sys.executable, "-I", "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def quick_python(new_environment, tmp_path, monkeypatch):
    """A Python in place of the one that runs these tests, which copies environments."""
    program = write_program(tmp_path / "python", f'#!/bin/sh\ncp -a {new_environment}/. "$4"\n')
    monkeypatch.setattr(sys, "executable", program)
    return program


def interrupt(*arguments, **settings):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_what_was_interrupted_or_is_of_other_requirements_is_made_afresh(
    mirror, output, quick_python, monkeypatch
):
    output.mkdir(parents=True)
    (output / "pyvenv.cfg").write_text("")
    (output / "environment.json").write_text("{}")
    (output / "stray").mkdir()
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(shutil, "rmtree", interrupt)
        build("2", output)
    assert (output / "stray").exists()  # it is moved away whole, or not at all
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(build_environment, "write_record", interrupt)
        build("2", output)
    assert (output / "pyvenv.cfg").exists()
    assert not (output / "environment.json").exists() and not (output / "stray").exists()

    (output / "stray").write_text("")
    build("2", output)
    assert (output / "environment.json").exists() and not (output / "stray").exists()
    with open(mirror.envs / "tensorflow-2.txt", "a") as stream:
        stream.write("absentpackage==1.0\n")
    with pytest.raises(BuildError, match="(?s)pip install.*absentpackage.*Fix this") as caught:
        build("2", output)
    assert 'tensorflow: "2"' not in str(caught.value)  # which is what is being built
    assert not (output / "environment.json").exists()


@pytest.mark.slow
def test_a_wheel_that_is_damaged_is_named(mirror, output, quick_python):
    mirror.wheel.write_bytes(mirror.wheel.read_bytes()[:300])
    with pytest.raises(BuildError, match=f"(?s)pip install.*{WHEEL}.*Fix this"):
        build("2", output)
    assert not (output / "environment.json").exists()


@pytest.mark.parametrize("tensorflow", ["1.12", "1.12-gpu", "2"])
def test_what_is_wanting_on_the_machine_is_said(mirror, output, tmp_path, monkeypatch, tensorflow):
    """A Python that makes an environment in which TensorFlow cannot be imported."""
    python = """#!/bin/sh
case "$*" in
    *platform*) echo 3.6.15 ;;
    *venv*) mkdir -p "$4/bin"; cp "$0" "$4/bin/python" ;;
    *tensorflow\\;*) echo "ImportError: libcublas.so.9.0" >&2; exit 1 ;;
esac
"""
    program = write_program(tmp_path / "python", python)
    monkeypatch.setenv("PYTHON36", program)
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(BuildError, match="(?s)import tensorflow.*libcublas") as error:
        build(tensorflow, output)
    assert ("CUDA 9.0, cuDNN 7" in str(error.value)) == (tensorflow == "1.12-gpu")
    assert ('tensorflow: "2"' in str(error.value)) == (tensorflow == "1.12")


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(BuildError, match="is not a virtual environment"):
        build("2", tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years"


@pytest.mark.slow
def test_builders_wait_for_one_another_and_for_the_pip_of_one_that_was_killed(
    mirror, output, quick_python, capsys
):
    mirror.goes_on.clear()
    code = f"""
import pathlib, sys
import build_environment
sys.executable = {quick_python!r}
build_environment.ENVS = pathlib.Path({str(mirror.envs)!r})
build_environment.build("2", pathlib.Path({str(output)!r}))
"""
    killed = subprocess.Popen(
        [os.path.join(sys.prefix, "bin", "python"), "-c", code],
        env={**os.environ, "PYTHONPATH": os.path.dirname(build_environment.__file__)},
        stdout=subprocess.DEVNULL,
    )
    while not mirror.asked:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    builders = [threading.Thread(target=build, args=("2", output)) for _ in range(2)]
    for builder in builders:
        builder.start()
    time.sleep(1)
    assert all(builder.is_alive() for builder in builders)
    mirror.goes_on.set()
    for builder in builders:
        builder.join()
    printed = capsys.readouterr().out
    assert printed.count(f"waiting for {socket.gethostname()} pid {killed.pid}") == 2
    assert printed.count("is ready in") == printed.count("already complete") == 1
