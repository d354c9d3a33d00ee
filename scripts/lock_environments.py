"""Write envs/*.yaml, from which conda makes environments, from the pins beside them.

They are spelled out in the files because Snakemake copies each of them elsewhere.
"""

from collections.abc import Sequence
from pathlib import Path

ENVS = Path(__file__).resolve().parents[1] / "envs"
CONDA_FORGE = ("conda-forge", "nodefaults")
CURRENT_PYTHON = ("python=3.12", "pip")
# What the programs that run in workflow.yaml import: not Snakemake.
FOR_TABLES_AND_FIGURES = {
    "jinja2",
    "jsonschema",
    "matplotlib",
    "numpy",
    "pandas",
    "pyyaml",
    "scipy",
    "seaborn",
    "threadpoolctl",
    "typst",
}


def read_pins(path: Path) -> list[str]:
    """Return the pins of a file of requirements, as lines of text."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


def environment(
    about: str, channels: Sequence[str], conda: Sequence[str], pins: Sequence[str]
) -> str:
    """Return the text of a file for conda."""
    # A marker that holds only on some machines contains quotes.
    listed = [f"'{pin}'" if '"' in pin else pin for pin in pins]
    lines = [
        f"# For --software-deployment-method conda: {about}",
        "channels:",
        *(f"  - {channel}" for channel in channels),
        "dependencies:",
        *(f"  - {package}" for package in conda),
        "  - pip:",
        *(f"      - {pin}" for pin in listed),
    ]
    return "\n".join(lines) + "\n"


def environments() -> dict[Path, str]:
    """Return the text of every file for conda, by its path."""
    found = {}
    for name, channels, conda, more in (
        ("1.12", CONDA_FORGE, ("python=3.6", "pip=21.3.1"), ""),
        (
            "1.12-gpu",
            ("defaults",),
            ("python=3.6", "pip=21.2", "cudatoolkit=9.0", "cudnn=7"),
            "\n# CUDA 9.0 is in the channel defaults only.",
        ),
        ("2", CONDA_FORGE, CURRENT_PYTHON, ""),
        ("2-gpu", CONDA_FORGE, CURRENT_PYTHON, ""),
    ):
        source = ENVS / f"tensorflow-{name}.txt"
        about = f"the pins of {source.name}, by `make lock`.{more}"
        text = environment(about, channels, conda, read_pins(source))
        found[source.with_suffix(".yaml")] = text
    source = ENVS / "workflow.in"
    needed = [pin for pin in read_pins(source) if pin.partition("==")[0] in FOR_TABLES_AND_FIGURES]
    about = f"what tables and figures need, of {source.name}, by `make lock`."
    found[source.with_suffix(".yaml")] = environment(about, CONDA_FORGE, CURRENT_PYTHON, needed)
    return found


if __name__ == "__main__":
    for path, text in environments().items():
        path.write_text(text, encoding="utf-8")
