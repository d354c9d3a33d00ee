"""The documentation of the configuration is that of the declarations in the code."""

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
