"""README and docs: what they link to is there, and every command and block of code works."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import REPOSITORY, new_checkout
from lib.claims import parse_claims
from lsnn.study.config import parse_study
from lsnn.update.settings import TRAINING, section_of_part
from test_extension import EXAMPLES, extend

PAGES = [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/**/*.md"))]
# Where programs in Python are run that are not run here, by page.
PROGRAMS = {
    "add_a_learning_rule.md": "tests/workflow/test_extension.py",
    "add_a_part_of_training.md": "tests/workflow/test_extension.py",
    "add_a_neuron_model.md": "tests/workflow/test_extension.py",
    "add_a_quantity.md": "tests/workflow/test_extension.py",
    "add_a_task.md": "tests/workflow/test_extension.py",
    "own_sequences.md": "tests/lsnn/test_sequences.py",
    "use_the_library.md": "tests/lsnn/test_documentation.py",
}
COMMITTED = "results/committed/*"  # for a shell
# Commands that are run elsewhere, and where.
ELSEWHERE = {
    "--report": "tests/workflow/test_report.py",
    "squeue": "tests/slurm/test_study.py",
    "scripts/curvature.py": "tests/workflow/test_demo.py",
}


def blocks(page, language):
    """Return the blocks of code of a page that are in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.M | re.S)


def identity(page):
    return page.stem


def anchors(page):
    """Return what links can lead to within a page: its headings, as they are made into anchors."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_to_something_in_the_repository():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    )  # fmt: skip
    files = {REPOSITORY / name for name in listed.stdout.splitlines()}
    known = files | {folder for file in files for folder in file.parents}
    pages = [*PAGES, *REPOSITORY.glob("benchmarks/*.md"), *REPOSITORY.glob("config/*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if "://" not in link
    ]
    assert len(links) > 100
    for page, link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target in known, f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_can_be_reached_from_the_readme():
    reached, new = set(), {PAGES[0]}
    while new:
        page = new.pop()
        reached.add(page)
        links = re.findall(r"\]\(([^)#\s]+\.md)", page.read_text())
        new |= {(page.parent / link).resolve() for link in links if "://" not in link} - reached
    assert set(PAGES) <= reached


def test_the_readme_is_short():
    assert len(PAGES[0].read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=identity)
def test_code_is_in_blocks_of_a_language_that_is_tried(page):
    text = page.read_text()
    fences = re.findall(r"^```(.*)$", text, re.M)
    assert set(fences[::2]) <= {"python", "sh", "snakemake", "text", "yaml"}
    assert not any(fences[1::2])
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    assert not re.findall(r"\n\n    \S.*", outside)  # an indented block
    if blocks(page, "python"):
        assert page.name in PROGRAMS or page.name == "results.md"


@pytest.fixture
def examples(monkeypatch):
    """The examples of the documentation, registered."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "tests/workflow/examples"))
    for module, package, one, registry, name in EXAMPLES:
        made = getattr(importlib.import_module(module), one)
        registries = importlib.import_module(f"lsnn.{package}")
        monkeypatch.setitem(getattr(registries, registry), name, made)
        if registry == "PARTS":  # of which each is a section of the configuration
            section = section_of_part(made)
            monkeypatch.setitem(TRAINING["parts"]["properties"], name, section)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "yaml")], ids=identity)
def test_configurations_are_possible(page, examples):
    for block in blocks(page, "yaml"):
        values = yaml.safe_load(block)
        if "executor" in values:  # a profile of Snakemake
            assert values["jobs"] > 0
        elif all("claim" in one for one in values.values() if isinstance(one, dict)) and not (
            set(values) & {"task", "network", "hessian", "dynamics", "conditions"}
        ):
            parse_claims(values)
        else:
            values.get("task", {}).pop("images", None)  # the reader's own
            parse_study(values)


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A checkout with the examples in it, and the studies of the documentation in studies/."""
    checkout = new_checkout(tmp_path_factory.mktemp("documented"))
    extend(checkout.folder)
    for page in PAGES:
        for block in blocks(page, "yaml"):
            values = yaml.safe_load(block)
            if {"name", "conditions"} <= set(values):
                (checkout.folder / f"studies/{values['name']}.yaml").write_text(block)
    return checkout


def commands_of(page):
    """Return the commands of a page, in blocks and within the text."""
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    within = re.findall(r"`((?:make|snakemake) [^`…]+)`", page.read_text())
    return list(dict.fromkeys(filter(None, [*lines, *within])))


def way_to_try(command):
    """Return what is run of a command: planned, not done, where that is possible."""
    words = shlex.split(command, comments=True)
    program, arguments = Path(words[0]).name, words[1:]
    if program == "make":
        return ["make", "--dry-run", *arguments]
    if program == "snakemake":
        is_planned = {"-n", "--unlock"} & set(arguments)
        # Of a suite of ten thousand jobs two seeds are planned.
        few = ["--config", "seeds=2"] if "studies/paper.yaml" in arguments else []
        more = [*few, *([] if is_planned else ["-n"])]
        return [sys.executable, "-m", "snakemake", *arguments, *more]
    if program == "pip":
        assert arguments[0] == "install"
        return [sys.executable, "-m", "pip", *arguments, "--dry-run", "--no-deps", "--quiet"]
    if "pytest" in arguments:
        python = words[0].replace(".venv/bin/python", sys.executable)
        return [python, *arguments, "--collect-only", "--quiet"]
    assert program == "python" and arguments[0].startswith("scripts/"), command
    return [sys.executable, *arguments]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands_of(page)], ids=identity)
def test_commands_work(page, extended, tmp_path):
    """One after another: they build on each other."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for command in commands_of(page):
        words = shlex.split(command, comments=True)
        elsewhere = [word for word in words if word in ELSEWHERE]
        if elsewhere:
            assert elsewhere[0] in (REPOSITORY / ELSEWHERE[elsewhere[0]]).read_text()
        elif "activate" in command:
            here = tmp_path / "new" if "venv .venv" in command else tmp_path
            here.mkdir(exist_ok=True)
            done = subprocess.run(["bash", "-ec", command], cwd=here, capture_output=True)
            assert done.returncode == 0, done.stderr
        else:
            text = shlex.join(way_to_try(command))
            done = extended.run("bash", "-c", text.replace("'results/committed/*'", COMMITTED))
            assert done.returncode == 0, done.stdout


def test_the_workflow_is_a_module_as_the_page_says(extended, tmp_path):
    (block,) = blocks(REPOSITORY / "docs/how-to/use_in_a_workflow.md", "snakemake")
    path = "lsnn/workflow/Snakefile"
    assert path in block
    snakefile = block.replace(path, str(extended.folder / "workflow/Snakefile"))
    (tmp_path / "Snakefile").write_text(snakefile)
    command = [sys.executable, "-m", "snakemake", "-n", "curvature_all"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^curvature_train +6$", done.stdout, re.M)


def test_a_figure_is_drawn_of_a_table_as_the_page_says(tmp_path, monkeypatch):
    programs = blocks(REPOSITORY / "docs/reference/results.md", "python")
    (program,) = [text for text in programs if "seaborn" in text]
    assert "results/sequential_mnist" in program
    monkeypatch.setenv("MPLBACKEND", "agg")
    program = program.replace("results/", "results/committed/")
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)
