import pandas as pd
import pytest

from lib.tables import read_table, write_table
from lsnn.errors import ResultError
from lsnn.study.columns import Column

COLUMNS = (
    Column("rule", "text"),
    Column("seed", "integer"),
    Column("loss", "number"),
    Column("value", "estimate"),
    Column("ok", "flag"),
)


def written(table, folder):
    """Yield the path of a table as it is written, and of one as it once was, with words for nan."""
    write_table(folder / "table.csv", table)
    yield folder / "table.csv"
    table.to_csv(folder / "older.csv", index=False, na_rep="nan")
    yield folder / "older.csv"


def test_numbers_of_another_processor_are_written_alike(tmp_path):
    for loss in (0.1 + 0.2, 0.3):
        table = pd.DataFrame({"seed": [4294967295], "loss": [loss]})
        write_table(tmp_path / "table.csv", table, digits=12)
        assert (tmp_path / "table.csv").read_text() == "seed,loss\n4294967295,0.3\n"


def test_what_is_written_is_read(tmp_path):
    table = pd.DataFrame(
        {
            "rule": ["1", "b"],
            "seed": [4294967295, 0],
            "loss": [0.1 + 0.2, 1e-300],
            "value": [1 / 3, float("nan")],
            "ok": [True, False],
        }
    )
    for path in written(table, tmp_path):
        found = read_table(path, COLUMNS)
        pd.testing.assert_frame_equal(found, table, check_exact=True)


def test_a_text_may_be_what_pandas_takes_for_no_value(tmp_path):
    texts = ["NA", "None", "nan", "null", "N/A", "NaN", "True", "1e5"]
    table = pd.DataFrame({"rule": texts, "value": [float("nan"), *range(7)]})
    columns = [column for column in COLUMNS if column.name in table]
    for path in written(table, tmp_path):
        found = read_table(path, columns)
        pd.testing.assert_frame_equal(found, table, check_exact=True)


@pytest.mark.parametrize(
    "row, column",
    [
        (",1,1.0,1.0,True", "rule"),
        ("a,1.5,1.0,1.0,True", "seed"),
        ("a,1,,1.0,True", "loss"),
        ("a,1,1.0,high,True", "value"),
        ("a,1,1.0,1.0,yes", "ok"),
    ],
)
def test_cell_of_another_kind_is_refused(tmp_path, row, column):
    path = tmp_path / "table.csv"
    path.write_text("rule,seed,loss,value,ok\na,1,1.0,1.0,True\n" + row + "\n")
    with pytest.raises(ResultError, match=f"table.csv: damaged: column {column} must hold"):
        read_table(path, COLUMNS)


def test_missing_column_is_refused_unless_it_is_optional(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("loss,other,rule\n1.0,2,a\n")
    with pytest.raises(ResultError, match="column seed, value, ok is missing; found: loss, other"):
        read_table(path, COLUMNS)
    assert list(read_table(path, COLUMNS, optional=COLUMNS)) == ["rule", "loss"]
    path.write_text("loss,other,rule\nmuch,2,a\n")
    with pytest.raises(ResultError, match="damaged: column loss must hold numbers"):
        read_table(path, COLUMNS, optional=COLUMNS)
