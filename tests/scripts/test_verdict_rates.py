"""How often verdicts are wrong: benchmarks/verdicts.md with fewer draws and its first seeds."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.verdicts import ROWS
from made_up_study import REPOSITORY

DRAWS = 200


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.goal])
def test_rates_are_as_they_should_be(name):
    row = ROWS[name]
    goal = np.array(row.goal)
    tolerance = 3 * np.sqrt(goal * (1 - goal) / DRAWS)  # three standard errors
    least, most = goal + [-1, 1] * tolerance
    assert least <= row.rate(row.seeds[0], DRAWS) <= most


def test_the_committed_table_has_the_rows_of_the_program():
    text = Path(REPOSITORY, "benchmarks", "verdicts.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\S.*?) +\|", text, re.M) == list(ROWS)
