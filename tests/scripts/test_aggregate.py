import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import aggregate
import made_up_study
from lib.summary import summarise
from lib.tables import read_table, read_trajectories
from lsnn.errors import ResultError
from lsnn.loading import load_study
from lsnn.storage import checkpoints
from lsnn.storage.files import read_record, sha256_of_file, write_record
from lsnn.study.columns import SUMMARY
from lsnn.study.config import parse_study, read_study
from lsnn.study.outputs import standard_error_columns, trajectories_columns

STUDY = made_up_study.STUDY
CURVE = "learning_curve.csv"
TABLE, RECORD = (os.path.join("hessian", f"w_rec_validation.{one}") for one in ("csv", "json"))


@pytest.fixture
def folder(tmp_path):
    made_up_study.write_study(tmp_path)
    return tmp_path


@pytest.fixture
def run_folder(folder):
    return made_up_study.run_folder(folder, "bptt", 1)


def arguments(folder):
    return [
        "--config", str(folder / "config.yaml"),
        "--runs", str(folder / "runs"),
        "--output", str(folder),
    ]  # fmt: skip


@pytest.fixture
def run(folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["aggregate.py", *arguments(folder)])
    return aggregate.main


def write_again(folder, **changes):
    study = read_study(os.path.join(folder, "..", "..", "..", "config.yaml"))
    made_up_study.write_run(folder, study, "bptt", 1, **changes)


def trajectories_of(folder, study=STUDY):
    return read_table(folder / "trajectories.csv", trajectories_columns(study))


def refused(run, *parts):
    with pytest.raises(ResultError) as error:
        run()
    for part in parts:
        assert part in str(error.value)


def test_trajectories_keep_every_digit_in_the_order_of_the_study(folder, run):
    run()
    found = trajectories_of(folder)
    pd.testing.assert_frame_equal(found, made_up_study.trajectories(), check_exact=True)


def test_trajectories_tell_the_rule_and_learning_rate_of_conditions_of_any_name(folder, run):
    conditions = {
        "slow": {"learning_rule": "bptt", "training": {"learning_rate": 0.001}},
        "bptt": {"learning_rule": {"name": "three_factor"}},
    }
    made_up_study.write_study(folder, {**made_up_study.CONFIG, "conditions": conditions})
    run()
    found = trajectories_of(folder)
    study = read_study(folder / "config.yaml")
    expected = made_up_study.trajectories(study=study)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    settings = found[["condition", "learning_rule", "learning_rate"]].drop_duplicates()
    assert settings.values.tolist() == [["slow", "bptt", 0.001], ["bptt", "three_factor", 0.01]]
    assert list(found)[:5] == ["condition", "learning_rule", "learning_rate", "seed", "iteration"]
    summary = read_table(folder / "summary.csv", SUMMARY)
    assert set(summary["condition"]) == {"slow", "bptt", "bptt / slow", "bptt - slow"}
    medians = read_record(folder / "metadata.json")["medians"]
    assert set(medians) == {"slow", "bptt"}


def as_read(summary):
    """Return a summary as it is read from its file, in which whole numbers can be missing."""
    return summary


def test_summary_is_that_of_the_trajectories(folder, run):
    run()
    found = read_table(folder / "summary.csv", SUMMARY)
    expected = as_read(summarise(made_up_study.trajectories(), STUDY))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_metadata(folder, run):
    run()
    metadata = read_record(folder / "metadata.json")
    assert metadata["study"]["network"]["n_units"] == 128
    assert metadata["study"]["seeds"] == [2, 1]
    assert [(entry["condition"], entry["seed"]) for entry in metadata["runs"]] == [
        ("bptt", 1),
        ("bptt", 2),
        ("three_factor", 1),
        ("three_factor", 2),
    ]
    assert metadata["runs"][0]["training_environment"]["tensorflow"] == "1.12.0"
    assert list(metadata["runs"][0]["hessian_environments"]) == ["w_rec_validation"]
    assert metadata["runs"][0]["products_per_checkpoint"] == 40
    assert metadata["medians"]["bptt"]["training_wall_seconds"] == 150
    assert metadata["medians"]["bptt"]["ms_per_iteration"] == 2.25
    assert metadata["totals"] == {
        "runs": 4,
        "training_wall_seconds": 600,
        "hessian_wall_seconds": 40,
        "products": 960,
    }
    assert metadata["outputs"]["summary.csv"] == sha256_of_file(folder / "summary.csv")


def test_the_same_runs_give_the_same_bytes(folder, run):
    names = ("trajectories.csv", "summary.csv", "metadata.json")
    run()
    first = [(folder / name).read_bytes() for name in names]
    run()
    assert [(folder / name).read_bytes() for name in names] == first


def test_missing_eigenvalue_stays_missing(folder, run, run_folder):
    eigenvalues = made_up_study.eigenvalues("bptt", 1)
    eigenvalues[2].update(lambda_max=float("nan"), lambda_max_converged=False)
    write_again(run_folder, of_hessian=eigenvalues)
    run()
    found = trajectories_of(folder)
    assert list(found.index[found["lambda_max"].isna()]) == [2]
    assert list(found.index[~found["lambda_max_converged"]]) == [2]


def test_rows_in_any_order_are_sorted(folder, run, run_folder):
    write_again(run_folder, rows=made_up_study.learning_curve("bptt", 1)[::-1])
    run()
    found = trajectories_of(folder)
    pd.testing.assert_frame_equal(found, made_up_study.trajectories(), check_exact=True)


@pytest.mark.parametrize("name", ["training.json", RECORD, CURVE, TABLE])
def test_missing_file_is_refused(run, run_folder, name):
    os.unlink(os.path.join(run_folder, name))
    refused(run, os.path.join(run_folder, name), "no such file")


@pytest.mark.parametrize("name", [CURVE, TABLE])
def test_altered_table_is_refused(run, run_folder, name):
    path = os.path.join(run_folder, name)
    with open(path) as stream:
        text = stream.read()
    with open(path, "w") as stream:
        stream.write(text.replace("bptt,1,20,", "bptt,1,21,"))
    refused(run, path, "altered since it was written")


@pytest.mark.parametrize("name", [CURVE, TABLE])
def test_empty_table_is_refused(run, run_folder, name):
    path = os.path.join(run_folder, name)
    open(path, "w").close()
    refused(run, path, "damaged (No columns")


def test_table_that_the_record_does_not_tell_of_is_refused(run, run_folder):
    path = os.path.join(run_folder, "training.json")
    write_record(path, {**read_record(path), "outputs": {"checkpoints.npz": "c0ffee"}})
    refused(run, "learning_curve.csv", "instead of none")


def test_hessian_of_other_checkpoints_is_refused(run, run_folder):
    path = os.path.join(run_folder, RECORD)
    write_record(path, {**read_record(path), "checkpoints": {"sha256": "decaf"}})
    refused(run, path, "does not belong to the checkpoints in training.json")


def test_unknown_time_per_product_stays_unknown(folder, run):
    for seed in (1, 2):
        path = os.path.join(made_up_study.run_folder(folder, "bptt", seed), RECORD)
        write_record(path, {**read_record(path), "seconds_per_product": None})
    run()
    medians = read_record(folder / "metadata.json")["medians"]
    assert medians["bptt"]["seconds_per_product"] is None
    assert medians["three_factor"]["seconds_per_product"] == 0.04


def test_missing_key_of_a_record_is_refused(run, run_folder):
    path = os.path.join(run_folder, "training.json")
    record = read_record(path)
    del record["ms_per_iteration"]
    write_record(path, record)
    refused(run, path, "ms_per_iteration is missing")


@pytest.mark.parametrize(
    "name, change, message",
    [
        (
            "training.json",
            {"training": {"learning_rate": 0.02}},
            "training.learning_rate: 0.02 there, 0.01 wanted",
        ),
        ("training.json", {"seed": 2}, "seed: 2 there, 1 wanted"),
        (RECORD, {"hessian": {"samples": 64}}, "hessian.samples: 64 there, 256 wanted"),
        ("training.json", {"noise": 0.2}, "noise: 0.2 there, null wanted"),
        (RECORD, {"tensorflow": "2"}, 'tensorflow: "2" there, "1.12" wanted'),
    ],
)
def test_other_settings_are_refused(run, run_folder, name, change, message):
    path = os.path.join(run_folder, name)
    record = read_record(path)
    for key, value in change.items():
        there = record["settings"].get(key)
        record["settings"][key] = {**there, **value} if isinstance(there, dict) else value
    write_record(path, record)
    refused(run, path, f"of another configuration: {message}.")


@pytest.mark.parametrize(
    "table, column", [("rows", "train_loss"), ("of_hessian", "lambda_min_converged")]
)
def test_missing_column_is_refused(run, run_folder, table, column):
    rows = {"rows": made_up_study.learning_curve, "of_hessian": made_up_study.eigenvalues}
    rows = rows[table]("bptt", 1)
    for row in rows:
        del row[column]
    write_again(run_folder, **{table: rows})
    refused(run, ".csv", f"column {column} is missing")


def test_text_in_a_column_of_numbers_is_refused(run, run_folder):
    rows = made_up_study.learning_curve("bptt", 1)
    rows[3]["test_loss"] = "much"
    write_again(run_folder, rows=rows)
    refused(run, "learning_curve.csv", "column test_loss must hold numbers")


def test_a_study_without_hessian_needs_none_and_has_none(folder, run):
    made_up_study.write_study(folder, made_up_study.WITHOUT_HESSIAN)
    for path in folder.glob("runs/*/*/hessian"):
        shutil.rmtree(path)
    run()
    study = parse_study(made_up_study.WITHOUT_HESSIAN)
    found = pd.read_csv(folder / "trajectories.csv")
    assert list(found) == made_up_study.names_of(trajectories_columns(study))
    found = trajectories_of(folder, study)
    expected = made_up_study.without_hessian()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)

    summary = read_table(folder / "summary.csv", SUMMARY)
    pd.testing.assert_frame_equal(summary, as_read(summarise(expected, study)), check_exact=True)
    text = (folder / "metadata.json").read_text()
    assert "products" not in text and "hessian_" not in text
    metadata = read_record(folder / "metadata.json")
    assert metadata["study"]["hessian"] == []
    assert metadata["totals"] == {"runs": 4, "training_wall_seconds": 600}
    assert metadata["medians"]["bptt"] == {"training_wall_seconds": 150, "ms_per_iteration": 2.25}
    assert metadata["runs"][0]["checkpoints"] == 6


def test_a_second_entry_has_columns_and_costs_of_its_own(folder, run):
    made_up_study.write_study(folder, made_up_study.TWO_ENTRIES)
    for condition in STUDY.conditions:
        # Of the products of a run, 240 took 0.04 s each, the other 240 twice as long.
        for seed in STUDY.seeds:
            path = made_up_study.run_folder(folder, condition, seed)
            path = os.path.join(path, "hessian", "all_train.json")
            write_record(path, {**read_record(path), "seconds_per_product": 0.08})
    run()
    study = parse_study(made_up_study.TWO_ENTRIES)
    found = trajectories_of(folder, study)
    expected = made_up_study.trajectories(study=study)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert found["all_train_lambda_max"].tolist() == (2 * found["lambda_max"]).tolist()
    assert {"all_train_lambda_max_converged", "all_train_products"} <= set(found)
    assert list(pd.read_csv(folder / "trajectories.csv")) == list(expected)

    summary = read_table(folder / "summary.csv", SUMMARY)
    pd.testing.assert_frame_equal(summary, as_read(summarise(expected, study)), check_exact=True)
    assert {"lambda_max_final", "all_train_lambda_max_final"} <= set(summary["quantity"])
    metadata = read_record(folder / "metadata.json")
    entry = metadata["runs"][0]
    assert set(entry["hessian_environments"]) == {"w_rec_validation", "all_train"}
    assert (entry["products"], entry["products_per_checkpoint"]) == (480, 80)
    assert entry["seconds_per_product"] == pytest.approx(0.06)
    assert metadata["totals"]["hessian_wall_seconds"] == 80


def test_conditions_may_be_called_what_pandas_takes_for_no_value(folder, run):
    names = ["NA", "None", "nan", "null"]
    conditions = {
        name: {"learning_rule": "bptt", "label": name, "iterations": 100, "checkpoint_every": 20}
        for name in names
    }
    made_up_study.write_study(folder, {**made_up_study.CONFIG, "conditions": conditions})
    run()
    study = read_study(folder / "config.yaml")
    found = read_trajectories(folder, study)
    assert list(found["condition"].unique()) == names
    pd.testing.assert_frame_equal(found, made_up_study.trajectories(study=study), check_exact=True)
    summary = read_table(folder / "summary.csv", SUMMARY)
    expected = as_read(summarise(found, study))
    pd.testing.assert_frame_equal(summary, expected, check_exact=True)
    assert set(names) | {"None / NA", "nan / NA", "null - NA"} <= set(summary["condition"])


@pytest.fixture
def chosen(folder):
    made_up_study.write_study(folder, made_up_study.CHOSEN)
    return parse_study(made_up_study.CHOSEN)


def test_where_an_entry_was_not_computed_its_cells_are_empty(folder, run, chosen):
    run()
    found = trajectories_of(folder, chosen)
    expected = made_up_study.trajectories(study=chosen)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    places = found[found["spectrum_products"].notna()]
    assert set(places["seed"]) == {2} and len(places) == 2 * 3
    assert found["dynamics_products"].notna().sum() == 4 * 3
    assert found.loc[found["mu_abs_max"].isna(), "mu_abs_max_converged"].all()
    as_text = pd.read_csv(folder / "trajectories.csv", dtype=str, keep_default_na=False)
    assert not (as_text == "nan").any(axis=None) and (as_text["mu_abs_max"] == "").any()
    summary = read_table(folder / "summary.csv", SUMMARY)
    pd.testing.assert_frame_equal(summary, as_read(summarise(expected, chosen)), check_exact=True)
    metadata = read_record(folder / "metadata.json")
    assert metadata["totals"]["dynamics_products"] == 4 * 240
    assert metadata["runs"][1]["dynamics_products_per_checkpoint"] == 80
    arrays, _ = checkpoints.read(str(folder / "spectra.npz"), ())
    wanted = made_up_study.spectra(chosen)
    assert set(arrays) == set(wanted) and len(wanted) == 2 * 3
    for name, array in wanted.items():
        assert np.array_equal(arrays[name], array)
    assert metadata["outputs"]["spectra.npz"] == sha256_of_file(folder / "spectra.npz")


def test_other_weights_than_those_of_the_record_are_refused(folder, run, run_folder):
    path = os.path.join(run_folder, "checkpoints.npz")
    rows = made_up_study.learning_curve("bptt", 2)
    checkpoints.write(path, {**made_up_study.weights_of(rows), "b_out": np.ones((6, 1))}, {})
    refused(run, f"{path}: altered since it was written")


def test_other_arrays_than_those_of_the_record_are_refused(folder, run, chosen):
    path = os.path.join(made_up_study.run_folder(folder, "bptt", 2), "hessian", "spectrum.npz")
    other = made_up_study.run_folder(folder, "three_factor", 2)
    arrays, _ = checkpoints.read(os.path.join(other, "hessian", "spectrum.npz"), ())
    checkpoints.write(path, {**arrays, "density_weights": arrays["density_nodes"]}, {})
    refused(run, f"{path}: altered since it was written")


def test_files_of_an_entry_are_not_those_of_another(folder, run, run_folder):
    made_up_study.write_study(folder, made_up_study.TWO_ENTRIES)
    path = os.path.join(run_folder, "hessian", "all_train.json")
    shutil.copy(os.path.join(run_folder, RECORD), path)
    refused(run, path, 'hessian.block: "w_rec" there, "all" wanted')
    os.unlink(path)
    refused(run, path, "no such file")


def test_a_run_that_stopped_early_ends_where_it_did(folder, run, run_folder):
    rows = made_up_study.learning_curve("bptt", 1)[:3]
    write_again(run_folder, rows=rows, of_hessian=made_up_study.eigenvalues("bptt", 1)[:3])
    run()
    found = trajectories_of(folder)
    expected = made_up_study.stopped_early()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert read_record(folder / "metadata.json")["runs"][0]["checkpoints"] == 3


def test_command_line_ends_with_one_message(folder, run_folder):
    os.unlink(os.path.join(run_folder, "training.json"))
    script = os.path.join(made_up_study.REPOSITORY, "scripts", "aggregate.py")
    ended = subprocess.run(
        [sys.executable, script, *arguments(folder)], capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
    assert not os.path.exists(folder / "trajectories.csv")


def test_a_run_that_diverged_is_marked_and_told_of(folder, run, capsys):
    rows = made_up_study.learning_curve("bptt", 1)[:3]
    path = made_up_study.run_folder(folder, "bptt", 1)
    of_hessian = made_up_study.eigenvalues("bptt", 1)[:3]
    made_up_study.write_run(path, STUDY, "bptt", 1, rows, of_hessian, diverged_at=47)
    run()
    found = trajectories_of(folder, STUDY)
    expected = made_up_study.diverged()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    summary = read_table(folder / "summary.csv", SUMMARY)
    summary = summary[~summary["quantity"].str.startswith("failed_share")]
    assert summary.groupby("condition")["n_failed"].unique().map(list).to_dict() == {
        "bptt": [1], "three_factor": [0], "three_factor / bptt": [1],
        "three_factor - bptt": [1],
    }  # fmt: skip
    metadata = read_record(folder / "metadata.json")
    warning = "bptt: diverged, and left out of means: seed 1 (at iteration 47)"
    assert metadata["warnings"] == [warning]
    assert [one["diverged_at"] for one in metadata["runs"]] == [47, None, None, None]
    assert capsys.readouterr().out == warning + "\n"


def test_a_run_that_did_not_learn_is_told_of(folder, run, run_folder, capsys):
    rows = made_up_study.learning_curve("bptt", 1)
    for place, row in enumerate(rows):
        row.update(train_loss=2.0 - 0.03 * place, test_accuracy=0.11, test_accuracy_se=0.006)
    made_up_study.write_run(run_folder, STUDY, "bptt", 1, rows)
    run()
    assert capsys.readouterr().out.splitlines() == [
        "bptt: failed, with a late training loss near chance; left out of means: seed 1",
        "bptt: the test accuracy is that of a guess, 0.1: seed 1",
    ]


STARTS = {
    **made_up_study.CONFIG,
    "conditions": {
        **made_up_study.CONFIG["conditions"],
        "on": {
            "learning_rule": "bptt",
            "start": {"condition": "bptt"},
            **made_up_study.CONFIG["conditions"]["bptt"],
        },
    },
}


def test_a_run_that_starts_from_another_need_not_learn_but_has_to_be_from_its_weights(
    folder, run, capsys
):
    made_up_study.write_study(folder, STARTS)
    study = read_study(folder / "config.yaml")
    path = made_up_study.run_folder(folder, "on", 1)
    rows = [dict(row, train_loss=0.1) for row in made_up_study.learning_curve("on", 1, study)]
    made_up_study.write_run(path, study, "on", 1, rows)
    run()
    assert capsys.readouterr().out == ""
    record = read_record(os.path.join(path, "training.json"))
    for start in ({"iteration": 99}, {"sha256": 64 * "0"}):
        changed = {**record, "start": {**record["start"], **start}}
        write_record(os.path.join(path, "training.json"), changed)
        refused(run, "seed_1: started from other weights than", "bptt/seed_1/checkpoints.npz has")


def test_a_run_of_an_older_version_has_no_standard_errors(folder, run, run_folder):
    path, record = (os.path.join(run_folder, n) for n in ("learning_curve.csv", "training.json"))
    table = pd.read_csv(path, keep_default_na=False)
    names = [column.name for column in standard_error_columns(STUDY)]
    assert names and set(names) < set(table)
    table.drop(columns=names).to_csv(path, index=False)
    content = read_record(record)
    outputs = {**content["outputs"], "learning_curve.csv": sha256_of_file(path)}
    write_record(record, {**content, "outputs": outputs})
    run()
    expected = made_up_study.trajectories()
    is_older = (expected["condition"] == "bptt") & (expected["seed"] == 1)
    expected.loc[is_older, names] = np.nan
    pd.testing.assert_frame_equal(trajectories_of(folder), expected, check_exact=True)


def test_results_of_other_code_are_used_and_told_of(folder, run, capsys):
    for seed, name in [
        (1, "training.json"),
        (2, "training.json"),
        (2, "hessian/w_rec_validation.json"),
    ]:
        path = os.path.join(made_up_study.run_folder(folder, "bptt", seed), name)
        record = read_record(path)
        settings = {**record["settings"], "code_hash": "0123456789abcdef"}
        write_record(path, {**record, "settings": settings})
    run()
    found = trajectories_of(folder, STUDY)
    pd.testing.assert_frame_equal(found, made_up_study.trajectories(), check_exact=True)
    metadata = read_record(folder / "metadata.json")
    other = "by other code (0123456789ab) than the present"
    assert metadata["warnings"] == [
        f"bptt: training {other}: seed 1, seed 2",
        f"bptt: hessian w_rec_validation {other}: seed 2",
    ]
    assert capsys.readouterr().out.splitlines() == metadata["warnings"]
    assert set(metadata["runs"][0]["code"]) == {"training", "hessian w_rec_validation"}


PARTS = {
    name: {**made_up_study.TWO_ENTRIES, "name": name, "seeds": seeds}
    for name, seeds in {"a": [2], "b": [1, 3]}.items()
}


def aggregated(root, name, config, monkeypatch, *source):
    """Aggregate a study, or join its parts; return the folder of its results."""
    folder = root / name
    if not source:
        made_up_study.write_study(str(folder), config)
        source = arguments(folder)[:-2]
    monkeypatch.setattr(sys, "argv", ["aggregate.py", *source, "--output", str(folder)])
    aggregate.main()
    return folder


@pytest.fixture
def parts(tmp_path, monkeypatch):
    return [str(aggregated(tmp_path, name, config, monkeypatch)) for name, config in PARTS.items()]


def test_parts_with_seeds_of_their_own_are_joined_as_if_they_were_one(tmp_path, parts, monkeypatch):
    config = {**made_up_study.TWO_ENTRIES, "name": "whole", "seeds": [2, 1, 3]}
    whole = aggregated(tmp_path, "whole", config, monkeypatch)
    expected = {path.name: path.read_bytes() for path in whole.iterdir() if path.is_file()}
    shutil.rmtree(whole)
    gzipped(os.path.join(parts[1], "trajectories.csv"))
    aggregated(tmp_path, "whole", None, monkeypatch, "--parts", *parts)
    found = {path.name: path.read_bytes() for path in whole.iterdir()}
    for name in ("trajectories.csv", "summary.csv", "config.yaml"):
        assert found[name] == expected[name], name
    record = read_record(whole / "metadata.json")
    assert parse_study(record["study"]) == parse_study(config)
    assert [run["seed"] for run in record["runs"]] == 2 * [1, 2, 3]


def gzipped(path):
    """Replace a file by its gzip; return its path."""
    with open(path, "rb") as plain, gzip.open(path + ".gz", "wb") as compressed:
        shutil.copyfileobj(plain, compressed)
    os.unlink(path)
    return path + ".gz"


def test_a_gzipped_table_that_is_another_or_damaged_is_refused(parts):
    study = read_study(os.path.join(parts[0], "config.yaml"))
    path = gzipped(os.path.join(parts[0], "trajectories.csv"))
    whole = Path(path).read_bytes()
    assert len(read_trajectories(parts[0], study)) > 0
    for damaged, words in {
        whole[:-20]: "damaged",
        b"no gzip at all": "damaged",
        gzip.compress(gzip.decompress(whole).replace(b"bptt", b"mdgl")): "altered since it was",
    }.items():
        Path(path).write_bytes(damaged)
        with pytest.raises(ResultError, match=f"trajectories.csv.gz: {words}"):
            read_trajectories(parts[0], study)
        with pytest.raises(ResultError, match="trajectories.csv.gz: (damaged|missing, or altered)"):
            load_study(parts[0])


def test_parts_that_differ_are_refused_by_name(tmp_path, parts, monkeypatch):
    def refused_parts(*folders):
        with pytest.raises(ResultError) as error:
            aggregated(tmp_path, "whole", None, monkeypatch, "--parts", *folders)
        assert not (tmp_path / "whole").exists()
        return str(error.value)

    assert refused_parts(parts[0], parts[0] + "/") == (
        f"{parts[0]}/: has seed 2, as {parts[0]} has; leave one of them out"
    )
    other = {**PARTS["b"], "name": "c", "loss": {"l2": 0.5}}
    other = str(aggregated(tmp_path, "c", other, monkeypatch))
    message = refused_parts(parts[0], other)
    assert message.startswith(f"{other}: of other settings than {parts[0]}: loss.l2: 0.5")
    record = read_record(os.path.join(parts[1], "metadata.json"))
    record["runs"][0]["code"]["training"] = "0123456789abcdef"
    write_record(os.path.join(parts[1], "metadata.json"), record)
    message = refused_parts(*parts)
    assert message.startswith(f"{parts[1]}: training of bptt by other code (0123456789ab) than in")
    del record["runs"][0]["code"]
    write_record(os.path.join(parts[1], "metadata.json"), record)
    assert refused_parts(*parts).startswith(f"{parts[1]}: by an older version, which does not say")
