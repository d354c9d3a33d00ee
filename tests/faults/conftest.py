"""Faults that are really inflicted on the real programs, and a list of what happened at the end."""

import pytest

import machinery

FAULT = "fault, and what happened"


def pytest_configure(config):
    config.addinivalue_line("markers", "long: not in `make test`, only in `make faults`")


@pytest.fixture
def tell(record_property):
    """Called with a fault and with what happened; the end of the run lists all of them."""
    return lambda fault, outcome: record_property(FAULT, f"{fault}: {outcome}")


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("faults, and what happened")
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for line in [line for name, line in report.user_properties if name == FAULT]:
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
