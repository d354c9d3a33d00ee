"""The documentation of the configuration is that of the declarations in the code."""

import re
import subprocess
from pathlib import Path

from document import documentation
from lsnn.learning_rules import LEARNING_RULES
from lsnn.learning_rules.base import LearningRule
from lsnn.options import number

REPOSITORY = Path(__file__).parents[2]


def test_the_documentation_is_that_of_the_code():
    assert (REPOSITORY / "docs/configuration.md").read_text(encoding="utf-8") == documentation()


def test_what_has_options_has_a_table_of_them(monkeypatch):
    class Damped(LearningRule):
        """A rule with an option."""

        options = {"gain": number("What it | does.", 0.5, least=0, most=1)}

    monkeypatch.setitem(LEARNING_RULES, "damped", Damped)
    page = documentation()
    assert "## Learning rule `damped`" in page
    assert r"| `gain` | `0.5` | 1 | a number >= 0 and <= 1 | What it \| does. |" in page


def test_what_readme_and_documentation_link_to_is_in_the_repository():
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True)
    files = {REPOSITORY / name for name in listed.stdout.splitlines()}
    known = files | {folder for file in files for folder in file.parents}
    pages = [REPOSITORY / "README.md", *REPOSITORY.glob("docs/*.md")]
    pages += REPOSITORY.glob("benchmarks/*.md")
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in target
    ]
    assert len(links) > 50
    for page, target in links:
        assert (page.parent / target).resolve() in known, f"{page.name}: {target}"
