"""The whole spectrum, and what the rule itself does, in miniature by Snakemake."""

import subprocess

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import PYTHONS, new_checkout
from lsnn.storage import checkpoints
from lsnn.storage.files import read_record

STUDY = {
    "name": "whole",
    "tensorflow": "2",
    "task": {"name": "delayed_match", "delay": 2},
    "network": {"n_units": 8},
    "training": {"batch_size": 16},
    "conditions": {
        "bptt": {"iterations": 8, "checkpoint_every": 2},
        "rflo": {"iterations": 8, "checkpoint_every": 2},
    },
    "seeds": [4, 2],
    "hessian": [
        {"samples": 32},
        {
            "name": "spectrum",
            "samples": 32,
            "checkpoints": 3,
            "seeds": 1,
            "quantities": [{"name": "density", "probes": 3, "steps": 5}, "trace", "second_sample"],
        },
    ],
    "dynamics": [
        {"samples": 32, "checkpoints": 3, "quantities": ["alignment", "curvature", "stability"]}
    ],
}
KEYS = ["condition", "seed", "iteration"]
FIGURES = [
    "spectrum_density",
    "spectrum_density_lines",
    "spectrum_trace",
    "stability",
    "alignment_rho",
    "alignment_cosine",
    "rank_of_change",
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    checkout = new_checkout(tmp_path_factory.mktemp("spectrum"))
    (checkout.folder / "studies/whole.yaml").write_text(yaml.safe_dump(STUDY))
    return checkout


def make(checkout, *arguments):
    done = checkout.snakemake("--cores", "2", *arguments, "--configfile", "studies/whole.yaml")
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def results(checkout):
    """The results, and those figures that are looked at."""
    make(checkout, *(f"results/whole/figures/{name}.svg" for name in FIGURES))
    return checkout.folder / "results/whole"


def test_entries_are_computed_of_their_seeds_at_their_checkpoints(results):
    for condition in STUDY["conditions"]:
        run = results / f"runs/{condition}"
        assert not (run / "seed_2/hessian/spectrum.csv").exists()
        spectrum = pd.read_csv(run / "seed_4/hessian/spectrum.csv")
        assert list(spectrum["iteration"]) == [0, 4, 8]
        for seed in STUDY["seeds"]:
            dynamics = pd.read_csv(run / f"seed_{seed}/dynamics/w_rec_validation.csv")
            assert list(dynamics["iteration"]) == [0, 4, 8]
            assert list(dynamics["seed"]) == 3 * [seed]


def test_all_of_it_is_in_the_table_of_all_runs(results):
    table = pd.read_csv(results / "trajectories.csv")
    for kind, entry, names in [
        ("hessian", "spectrum", {"spectrum_trace": "trace", "spectrum_outliers": "outliers"}),
        ("dynamics", "w_rec_validation", {"rho": "rho", "mu_abs_max": "mu_abs_max"}),
    ]:
        there = table.dropna(subset=[*names])
        for path in results.glob(f"runs/*/seed_*/{kind}/{entry}.csv"):
            of_run = pd.read_csv(path)
            rows = of_run[KEYS].merge(there, on=KEYS)
            assert len(rows) == 3
            for column, plain in names.items():
                assert rows[column].tolist() == of_run[plain].tolist()
    assert table["spectrum_trace"].notna().sum() == 2 * 3
    assert table["rho"].notna().sum() == 4 * 3
    # Of BPTT the derivative of the update is the Hessian, on the same examples.
    of_bptt = table[(table["condition"] == "bptt") & table["mu_real_max"].notna()]
    assert of_bptt["mu_real_max"].to_numpy() == pytest.approx(of_bptt["lambda_max"], rel=2e-3)
    assert of_bptt["rho"].to_numpy() == pytest.approx(1)
    of_rflo = table[(table["condition"] == "rflo") & table["rho"].notna()]
    assert (of_rflo["rho"].abs() < 0.9).all() and of_rflo["mu_abs_max_converged"].all()


def test_nodes_and_weights_are_kept(results):
    spectra, _ = checkpoints.read(str(results / "spectra.npz"), ())
    assert len(spectra) == 2 * 3
    for condition in STUDY["conditions"]:
        path = results / f"runs/{condition}/seed_4/hessian/spectrum.npz"
        of_run, _ = checkpoints.read(str(path), ("density_nodes",))
        for name, array in of_run.items():
            assert np.array_equal(spectra[f"hessian/spectrum/{condition}/4/{name}"], array)
        assert of_run["density_nodes"].shape == (3, 3, 5)
        assert of_run["density_weights"].sum(axis=2) == pytest.approx(1)


def test_it_is_drawn(results):
    for name in FIGURES:
        for suffix in ("svg", "pdf", "png"):
            assert (results / f"figures/{name}.{suffix}").stat().st_size > 0


def test_what_the_rule_drew_is_that_of_its_run(results):
    arrays, _ = checkpoints.read(str(results / "runs/rflo/seed_4/checkpoints.npz"))
    assert arrays["rule/feedback"].shape == (8, 2)
    settings = read_record(results / "runs/rflo/seed_4/dynamics/w_rec_validation.json")["settings"]
    assert settings["learning_rule"]["name"] == "rflo"
    of_hessian = read_record(results / "runs/rflo/seed_4/hessian/spectrum.json")["settings"]
    assert "learning_rule" not in of_hessian


def test_checkpoints_of_another_rule_are_refused(checkout, results, tmp_path):
    done = checkout.run(
        PYTHONS["2"], "scripts/curvature.py", "--kind", "dynamics",
        "--config", "studies/whole.yaml",
        "--entry", "w_rec_validation", "--condition", "bptt", "--output", tmp_path,
        "--checkpoints", results / "runs/rflo/seed_4/checkpoints.npz",
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stdout
    assert 'learning_rule.name: "rflo" there, "bptt" wanted' in done.stdout
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize(
    "change, jobs",
    [
        ({}, {}),
        ({"dynamics": [{**STUDY["dynamics"][0], "seeds": 1}]}, {}),
        ({"dynamics": [{**STUDY["dynamics"][0], "samples": 16}]}, {"dynamics": 4}),
        ({"hessian": [STUDY["hessian"][0], {**STUDY["hessian"][1], "seeds": 2}]}, {"hessian": 2}),
        ({"dynamics": []}, {}),
    ],
)
def test_a_change_computes_what_depends_on_it(checkout, results, tmp_path, change, jobs):
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump({**STUDY, **change}))
    planned = checkout.plan("--dry-run", "--configfile", path).stdout
    found = {
        words[0]: int(words[1])
        for words in map(str.split, planned.splitlines())
        if len(words) == 2 and words[0] in ("train", "hessian", "dynamics")
    }
    assert found == jobs


def test_deleted_arrays_come_back_the_same(checkout, results):
    path = results / "runs/rflo/seed_4/hessian/spectrum.npz"
    before = path.read_bytes()
    path.unlink()
    make(checkout, "--until", "hessian")
    assert path.read_bytes() == before


def test_both_tensorflows_agree(checkout, results, tmp_path):
    run = results / "runs/rflo/seed_4"
    other = {**STUDY, "tensorflow": "1.12"}
    config = tmp_path / "other.yaml"
    config.write_text(yaml.safe_dump(other))
    for kind, entry in (("hessian", "spectrum"), ("dynamics", "w_rec_validation")):
        command = [PYTHONS["1.12"], "scripts/curvature.py", "--kind", kind]
        command += ["--config", config, "--entry", entry]
        command += ["--condition", "rflo"] if kind == "dynamics" else []
        command += ["--checkpoints", run / "checkpoints.npz", "--output", tmp_path]
        subprocess.run(command, cwd=checkout.folder, check=True, capture_output=True)
        found, expected = (pd.read_csv(f / f"{entry}.csv") for f in (tmp_path, run / kind))
        is_number = [name for name in expected if expected[name].dtype == float]
        shown = [name for name in is_number if not name.endswith(("_residual", "_se", "_imag"))]
        assert len(shown) > 6
        for name in shown:
            wanted = expected[name].to_numpy()
            close = pytest.approx(
                wanted, rel=2e-2, abs=1e-3 * np.nanmax(np.abs(wanted)), nan_ok=True
            )
            assert found[name].to_numpy() == close, name
