"""Faults that are really inflicted on the real programs, and a list of what happened at the end."""

import pytest

import machinery

LINES = pytest.StashKey()


def pytest_configure(config):
    config.stash[LINES] = []
    config.addinivalue_line("markers", "long: not in `make test`, only in `make faults`")


@pytest.fixture
def tell(request):
    """Called with a fault and with what happened; the end of the run lists all of them."""
    lines = request.config.stash[LINES]
    return lambda fault, outcome: lines.append(f"{fault}: {outcome}")


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section("faults, and what happened")
    for line in config.stash[LINES]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Called with a TensorFlow and a job: a run whose jobs up to this one met with nothing."""
    runs = {}

    def run_of(tensorflow, job):
        if tensorflow not in runs:
            runs[tensorflow] = machinery.Run(tmp_path_factory.mktemp("undisturbed"), tensorflow)
        run = runs[tensorflow]
        for needed in ["train", "hessian"][: 1 + (job == "hessian")]:
            if needed not in run.seconds:
                run.finish(needed)
        return run

    return run_of
