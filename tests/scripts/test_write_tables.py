import html
import os
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

import aggregate
import made_up_study
import write_tables
from lib.pages import digits, duration, render
from lib.summary import comparisons_of, quantities_of, summarise
from lsnn.errors import ResultError
from lsnn.storage.files import read_record, write_record
from lsnn.study.config import parse_study

PAGES = ("summary", "configuration", "run")


class Cells(HTMLParser):
    """The tables of a page as lists of rows of texts; complains about tags left open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.tags = [], [], set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th", "code"):
            self.rows[-1][-1] += data


def run_script(monkeypatch, script, **arguments):
    options = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", ["script", *options])
    script.main()


def write_pages(monkeypatch, folder, config="config.yaml"):
    run_script(
        monkeypatch,
        write_tables,
        config=folder / config,
        summary=folder / "summary.csv",
        metadata=folder / "metadata.json",
        output=folder / "report",
    )


def aggregated(monkeypatch, tmp_path, config=made_up_study.CONFIG):
    made_up_study.write_study(tmp_path, config)
    run_script(
        monkeypatch,
        aggregate,
        config=tmp_path / "config.yaml",
        runs=tmp_path / "runs",
        output=tmp_path,
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    aggregated(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def rows(folder, monkeypatch):
    return rows_of_pages(monkeypatch, folder)


def rows_of_pages(monkeypatch, folder):
    """The rows of each page."""
    write_pages(monkeypatch, folder)
    return {
        name: Cells((folder / "report" / f"{name}.html").read_text(encoding="utf-8")).rows
        for name in PAGES
    }


def test_pages_are_self_contained_and_the_same_every_time(folder, monkeypatch):
    write_pages(monkeypatch, folder)
    first = {name: (folder / "report" / f"{name}.html").read_bytes() for name in PAGES}
    write_pages(monkeypatch, folder)
    pages = [f"{name}.html" for name in PAGES]
    assert sorted(os.listdir(folder / "report")) == sorted([*pages, "headline.csv"])
    for name, content in first.items():
        assert (folder / "report" / f"{name}.html").read_bytes() == content
        text = content.decode("utf-8")
        assert '<meta charset="utf-8">' in text
        assert not {"script", "link", "img"} & Cells(text).tags
        assert "http" not in text


def test_summary(rows):
    assert rows["summary"][0] == ["quantity", "BPTT", "three-factor"]
    assert rows["summary"][1] == [
        "Largest eigenvalue λₘₐₓ: final state",
        "44.2",
        "2000",
    ]
    assert ["quantity", "three-factor / BPTT"] in rows["summary"]
    start = rows["summary"].index(["quantity", "three-factor / BPTT"])
    assert rows["summary"][start + 1] == ["Equal fraction of training: final states", "45.3"]
    assert rows["summary"][start + 4] == ["Equal training loss", "8.00 (at loss 0.354)"]
    assert ["quantity", "three-factor \N{MINUS SIGN} BPTT"] in rows["summary"]
    gap = "Test \N{MINUS SIGN} training cross entropy (nats): Equal training loss"
    # There bptt is half-way between its checkpoints 2 and 3, three_factor at its last one.
    assert [gap, "0.0250 (at loss 0.354)"] in rows["summary"]
    assert len(rows["summary"]) == number_of_rows(made_up_study.STUDY)


def test_the_headline_has_the_final_states_and_the_ratio(folder, monkeypatch):
    write_pages(monkeypatch, folder)
    table = pd.read_csv(folder / "report/headline.csv", dtype=str, keep_default_na=False)
    gap = "gap, training \N{MINUS SIGN} test accuracy"
    assert list(table) == [
        "condition", "largest eigenvalue λₘₐₓ", "ratio to BPTT",
        "ratio to BPTT at equal training loss",
        "training cross entropy (nats)", "test accuracy", gap,
    ]  # fmt: skip
    assert list(table["condition"]) == ["BPTT", "three-factor"]
    assert list(table["largest eigenvalue λₘₐₓ"]) == ["44.2", "2000"]
    assert list(table["ratio to BPTT"]) == ["", "45.3"]
    assert list(table["ratio to BPTT at equal training loss"]) == ["", "8.00 (at loss 0.354)"]


def test_the_headline_without_hessian_has_no_eigenvalue(monkeypatch, tmp_path):
    aggregated(monkeypatch, tmp_path, {**made_up_study.CONFIG, "hessian": []})
    write_pages(monkeypatch, tmp_path)
    head = (tmp_path / "report/headline.csv").read_text(encoding="utf-8").splitlines()[0]
    assert head.startswith("condition,training cross entropy (nats),test accuracy,")


def number_of_rows(study):
    """Return how many rows the tables of the summary have, their heads included."""
    tables = [quantities_of(study), *(one.quantities for one in comparisons_of(study))]
    return sum(1 + len(table) for table in tables)


def test_a_second_entry_has_rows_ratios_and_environments_of_its_own(tmp_path, monkeypatch):
    aggregated(monkeypatch, tmp_path, made_up_study.TWO_ENTRIES)
    rows = rows_of_pages(monkeypatch, tmp_path)
    found = {row[0]: row[1:] for row in rows["summary"]}
    assert found["Largest eigenvalue λₘₐₓ: final state"][0] == "44.2"
    assert found["Largest eigenvalue λₘₐₓ, all, train: final state"][0] == "88.4"
    assert len(rows["summary"]) == number_of_rows(parse_study(made_up_study.TWO_ENTRIES))
    text = (tmp_path / "report" / "summary.html").read_text(encoding="utf-8")
    for label in ("largest eigenvalue λₘₐₓ", "largest eigenvalue λₘₐₓ, all, train"):
        assert f"<h2>Ratio between conditions: {label}</h2>" in text
    keys = {row[0]: row[1] for row in rows["configuration"]}
    assert (keys["hessian.0.block"], keys["hessian.1.block"]) == ("w_rec", "all")
    assert keys["hessian.1.quantities.0.tolerance"] == "0.001"
    used = [row[0] for row in rows["run"]]
    names = "BPTT 1, BPTT 2, three-factor 1, three-factor 2"
    assert f"hessian w_rec_validation: {names}" in used
    assert f"hessian all_train: {names}" in used
    assert rows["run"][1] == ["BPTT, seed 1", "1.67 min", "1.50", "20.0 s", "40.0", "80.0"]


def test_conditions_go_by_their_labels(tmp_path, monkeypatch):
    slow = {"learning_rule": "bptt", "training": {"learning_rate": 0.001}}
    conditions = {"slow": slow, "fast": {"learning_rule": "bptt", "label": "at <full> speed"}}
    aggregated(monkeypatch, tmp_path, {**made_up_study.CONFIG, "conditions": conditions})
    rows = rows_of_pages(monkeypatch, tmp_path)
    labels = ["BPTT, learning rate 0.001", "at <full> speed"]
    assert rows["summary"][0] == ["quantity", *labels]
    assert ["quantity", f"{labels[1]} / {labels[0]}"] in rows["summary"]
    expected = [f"{label}, seed {seed}" for label in labels for seed in (1, 2)]
    expected += [f"{label}, median" for label in labels]
    assert [row[0] for row in rows["run"][1:7]] == expected
    [training] = [row[0] for row in rows["run"] if row[0].startswith("training:")]
    names = ", ".join(f"{label} {seed}" for label in labels for seed in (1, 2))
    assert training == f"training: {names}"


def summary_page(summary, study):
    return render("summary.html", **write_tables.summary_tables(summary, study))


def test_missing_seeds_and_unconverged_values_are_told():
    table = made_up_study.trajectories()
    table.loc[table["seed"] == 2, "lambda_max"] = float("nan")
    table.loc[table["seed"] == 1, "lambda_max_converged"] = False
    study = made_up_study.read_study(os.path.join(made_up_study.REPOSITORY, "config.yaml"))
    text = summary_page(summarise(table, study), study._replace(seeds=(1, 2)))
    assert Cells(text).rows[1][1:] == [
        "31.3 (1 of 2 seeds, 1 not converged)",
        "1000 (1 of 2 seeds, 1 not converged)",
    ]
    table["lambda_max"] = float("nan")
    text = summary_page(summarise(table, study), study._replace(seeds=(1, 2)))
    assert Cells(text).rows[1][1] == "none (0 of 2 seeds)"


def test_three_seeds_have_intervals(tmp_path, monkeypatch):
    aggregated(monkeypatch, tmp_path, {**made_up_study.CONFIG, "seeds": [1, 2, 4]})
    row = rows_of_pages(monkeypatch, tmp_path)["summary"][1]
    # log2 of 1, 2 and 4 has the mean 1 and the interval 1 +- 4.303 / sqrt(3).
    ends = [1000 / 32 * 2 ** (1 + sign * 4.3027 / 3**0.5) for sign in (-1, 1)]
    assert row[1] == "62.5 [{}, {}]".format(*map(digits, ends))


def test_failed_runs_and_losses_that_nobody_has_a_number_at_are_told():
    study = made_up_study.STUDY
    text = summary_page(summarise(made_up_study.diverged(), study), study)
    rows = Cells(text).rows
    assert rows[1][1:] == ["62.5 (1 of 2 seeds, 1 failed)", "2000"]
    first = rows.index(["quantity", "three-factor / BPTT"]) + 1
    assert rows[first][1] == "64.0 (1 of 2 seeds, 1 failed)"
    table = made_up_study.trajectories()
    table.loc[table["condition"] == "bptt", "train_loss"] = [2.0, 0.1, 0.1, 0.1, 0.1, 0.1] * 2
    text = summary_page(summarise(table, study), study)
    at_loss = Cells(text).rows[first + 3]
    assert at_loss == ["Equal training loss", "none (0 of 2 seeds, at loss 0.354)"]


def test_the_page_of_runs_tells_the_warnings(folder, monkeypatch):
    path = folder / "metadata.json"
    warning = "bptt: diverged, and left out of means: seed 1 (at iteration 47)"
    record = read_record(path)
    write_record(path, {**record, "warnings": [warning]})
    write_pages(monkeypatch, folder)
    assert f"<p>{warning}.</p>" in (folder / "report" / "run.html").read_text(encoding="utf-8")


def test_one_condition_has_no_table_of_ratios():
    study = made_up_study.read_study(os.path.join(made_up_study.REPOSITORY, "config.yaml"))
    summary = summarise(made_up_study.trajectories(["three_factor"], seeds=[1]), study)
    text = summary_page(summary, study._replace(seeds=(1,)))
    assert "Ratio" not in text
    assert Cells(text).rows[1][1] == "1000"


def test_configuration_tells_value_unit_and_meaning(rows):
    found = {row[0]: row for row in rows["configuration"]}
    assert found["training.learning_rate"][1:] == ["0.01", "", "Step size of the optimiser."]
    assert found["network.neurons.tau_m"][1:3] == ["0.01", "ms"]
    assert found["conditions.three_factor.iterations"][1:3] == ["160", "iterations"]
    assert found["seeds"][1] == "2, 1"
    assert all(row[3] for row in rows["configuration"])
    assert "`" not in str(rows["configuration"])


def test_run_tells_costs_and_environments(rows):
    assert rows["run"][1] == ["BPTT, seed 1", "1.67 min", "1.50", "10.0 s", "40.0", "40.0"]
    assert rows["run"][5][:3] == ["BPTT, median", "2.50 min", "2.25"]
    [training] = [row for row in rows["run"] if row[0].startswith("training:")]
    assert training[0] == "training: BPTT 1, BPTT 2, three-factor 1, three-factor 2"
    assert {"1.12.0", "1"} <= set(training)


def test_unknown_time_per_product_is_left_empty():
    names = ("training_wall_seconds", "ms_per_iteration", "hessian_wall_seconds")
    entry = {**dict.fromkeys(names, 2.0), "products_per_checkpoint": 2.0}
    row = write_tables.costs_of({**entry, "seconds_per_product": None}, "one")
    assert row["ms per product"] == ""
    assert row["products per checkpoint"] == "2.00"


def test_dynamics_have_costs_and_environments_too(tmp_path, monkeypatch):
    aggregated(monkeypatch, tmp_path, made_up_study.CHOSEN)
    rows = rows_of_pages(monkeypatch, tmp_path)
    assert rows["run"][0][-1] == "dynamics" and rows["run"][1][-1] == "10.0 s"
    stages = [row[0].partition(":")[0] for row in rows["run"]]
    assert {"hessian spectrum", "dynamics w_rec_validation"} <= set(stages)
    text = (tmp_path / "report/run.html").read_text(encoding="utf-8")
    assert "40.0 s of the rules' dynamics" in html.unescape(text)
    trace = next(row for row in rows["summary"] if row[0].startswith("Trace"))
    assert trace[1].endswith("(1 of 2 seeds)")


def test_pages_of_a_study_without_hessian_tell_of_none(tmp_path, monkeypatch):
    aggregated(monkeypatch, tmp_path, made_up_study.WITHOUT_HESSIAN)
    rows = rows_of_pages(monkeypatch, tmp_path)
    assert rows["summary"][0] == ["quantity", "BPTT", "three-factor"]
    assert rows["summary"][1][0] == "Training cross entropy (nats): final state"
    assert len(rows["summary"]) == 1 + 27 + 1 + 8 + 1 + 2 + 1 + 1
    assert rows["run"][:2] == [
        ["run", "training", "ms per iteration"],
        ["BPTT, seed 1", "1.67 min", "1.50"],
    ]
    assert [row[1] for row in rows["configuration"] if row[0] == "hessian"] == ["none"]
    for name in ("summary", "run"):
        text = (tmp_path / "report" / f"{name}.html").read_text(encoding="utf-8")
        for word in ("λ", "eigenvalue", "urvature", "essian", "product", "converged"):
            assert word not in text


def test_metadata_of_another_configuration_is_refused(folder, monkeypatch):
    (folder / "other.yaml").write_text("{name: other}")
    with pytest.raises(ResultError, match="of another configuration than .*other.yaml"):
        write_pages(monkeypatch, folder, config="other.yaml")


def test_damaged_summary_is_refused(folder, monkeypatch):
    (folder / "summary.csv").write_text("quantity,mean\nlambda_max_final,1\n")
    with pytest.raises(ResultError, match="column condition, ci_low, .* is missing"):
        write_pages(monkeypatch, folder)


def test_names_are_escaped_and_code_is_marked():
    table = pd.DataFrame({"key": ["&"], "a<b": ["<i>"], "meaning": ["divides `a<b` and `c`"]})
    text = render("configuration.html", keys=table)
    assert "<h1>Configuration</h1>" in text and "<td>&lt;i&gt;</td>" in text
    assert "<td>divides <code>a&lt;b</code> and <code>c</code></td>" in text
    assert Cells(text).rows == [
        ["key", "a<b", "meaning"],
        ["&", "<i>", "divides a<b and c"],
    ]


@pytest.mark.parametrize(
    "value, text",
    [
        (1737.2, "1740"),
        (200, "200"),
        (0.13, "0.130"),
        (0.0022, "0.00220"),
        (8, "8.00"),
        (0.0, "0"),
        (0.0123456, "0.0123"),
        (-8.049, "~8.05"),
        (1e-07, "1.00e~07"),
        (-20000000.0, "~2.00e+07"),
        (float("nan"), "none"),
    ],
)
def test_numbers_have_three_digits_and_a_true_minus(value, text):
    assert digits(value).replace("\N{MINUS SIGN}", "~") == text


@pytest.mark.parametrize("seconds, text", [(5400, "1.50 h"), (90, "1.50 min"), (3.14159, "3.14 s")])
def test_duration(seconds, text):
    assert duration(seconds) == text
