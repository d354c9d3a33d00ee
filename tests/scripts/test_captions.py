"""The captions of figures: reStructuredText, true of the study that they are of."""

import os
import re

import jinja2
import matplotlib.pyplot as plt
import pytest
from docutils.core import publish_parts

import made_up_study
from lib.claims import read_claims
from lib.figures.registry import CAPTIONS, MODULES, caption
from lib.figures.style import save
from lsnn.study.config import parse_study
from lsnn.study.outputs import figures_of

SPIKING = {
    "task": {"name": "store_recall"},
    "network": {"neurons": {"name": "alif", "n_adaptive": 10}},
    "hessian": [],
}
LEARNING_RATES = {
    "conditions": {
        "bptt": {},
        "slow": {"learning_rule": "bptt", "training": {"learning_rate": 0.001}},
    },
    "baseline": "slow",
}
# A study with every kind of figure but rasters, which spiking units have.
ALL = {
    **LEARNING_RATES,
    "hessian": [{}, {"name": "spectrum", "checkpoints": 3, "quantities": ["density", "trace"]}],
    "dynamics": [{"quantities": ["alignment", "curvature", "stability", "slice"]}],
}
OF_HESSIAN = {"along_training", "against_loss", "gap_against"}


def without_flaws(text):
    """Return a caption in one line, if it is reStructuredText, and no sentences touch."""
    publish_parts(" ".join(text.split()), writer="html", settings_overrides={"halt_level": 2})
    text = " ".join(text.split())
    assert len(text) > 80
    assert not re.search(r"[.,;)][A-Z]|[,;)][a-z]{2}| [.,;]", text), text
    return text


def captions(config):
    """Return the captions of a study by the kind of their figures, each those of all of a kind."""
    study = parse_study(config)
    found = {}
    for figure in figures_of(study):
        found.setdefault(figure.kind, []).append(without_flaws(caption(study, figure)))
    return {kind: "\n".join(texts) for kind, texts in found.items()}


def test_every_kind_of_figure_has_a_caption():
    found = captions(ALL)
    kinds = {*found, *captions(SPIKING)}
    assert len(kinds) == 13
    drawn = {name for module in MODULES for name in vars(module) if name.startswith("draw_")}
    assert {f"draw_{kind}" for kind in kinds} <= drawn
    assert set(found) > OF_HESSIAN
    assert "stop" not in "".join(found.values())
    assert "The L2 term alone shifts every eigenvalue" in found["along_training"]
    assert "The black line is 2 / learning rate" in found["sweep"]
    assert "The block is w_rec, on 256 validation examples." in found["density"]


@pytest.mark.parametrize(
    "config",
    [{"hessian": []}, SPIKING, {"network": {"neurons": "lif"}, "hessian": []}],
    ids=["rate", "spiking", "lif"],
)
def test_captions_of_studies_without_hessian_tell_of_none(config):
    for text in captions(config).values():
        for word in ("lambda", "Hessian", "igenvalue", "Lanczos", "products"):
            assert word not in text


def test_a_caption_says_what_is_swept_and_that_a_task_has_classes():
    without = captions({**LEARNING_RATES, "hessian": []})["sweep"]
    assert "final states against the learning rate" in without and "black line" not in without
    hops = [{"learning_rule": {"name": "truncated_bptt", "hops": hops}} for hops in (0, 2)]
    of_hops = captions({"conditions": dict(zip("ab", hops, strict=True))})["sweep"]
    assert "final states against the hops" in of_hops and "black line" in of_hops
    assert "and the output, as its softmax, one line per class." in captions(SPIKING)["raster"]
    squared = captions({**SPIKING, "loss": {"kind": "squared_error"}})
    assert "and the output, one line per class." in squared["raster"]
    assert "squared error on training examples" in squared["learning_curves"]
    pattern = captions(
        {**SPIKING, "task": {"name": "pattern_generation"}, "training": {"batch_size": 20}}
    )
    assert "with the target dashed" in pattern["raster"]
    assert "Below is the target output." in pattern["examples"]


def test_captions_tell_of_further_tests():
    noisy = captions(made_up_study.NOISY)
    assert "sets, and on further tests (noisy test), along training" in noisy["learning_curves"]
    assert "test examples, and on those of further tests (noisy test), than on" in noisy["gaps"]
    found = captions({"hessian": []})
    assert "validation and test sets, along training" in found["learning_curves"]
    assert "on test examples than on training examples" in found["gaps"]


@pytest.mark.parametrize(
    "stop, words",
    [
        ({"measure": "accuracy", "above": 0.95}, "whose validation accuracy is above 0.95. It"),
        ({"measure": "loss", "below": 0.2}, "whose validation loss is below 0.2. It"),
        ({"measure": "loss", "below": 0.2, "split": "train"}, "whose training loss is below 0.2."),
    ],
)
def test_captions_tell_of_runs_that_stop_early(stop, words):
    found = captions({"training": {"stop": stop}})
    for kind in ("learning_curves", "along_training"):
        assert words in found[kind]
        assert "counts with its last value in means" in found[kind]


def test_a_caption_tells_of_its_column():
    study = {"hessian": [{}, {"block": "all", "split": "train"}]}
    text = captions(study)["along_training"].splitlines()
    expected = ["λ_max.", "λ_min.", "λ_max, all, train.", "λ_min, all, train.", "change of w_rec."]
    for line, words in zip(text, expected, strict=True):
        assert words in line
        assert ("black line" in line) == ("λ_max" in words)  # 2 / learning rate
        assert ("The L2 term alone shifts" in line) == ("λ" in words)


@pytest.mark.parametrize("kind", ["along_training", "against_loss"])
def test_captions_tell_of_one_threshold_or_of_one_a_condition_or_of_none(kind):
    assert "2 / learning rate = 200." in captions({})[kind]
    assert "of the condition of its colour" in captions(LEARNING_RATES)[kind]
    assert "2 / learning rate" not in captions({"training": {"optimiser": "adam"}})[kind]


def test_captions_tell_of_a_threshold_that_changes_where_it_is_drawn():
    found = captions({"training": {"parts": {"cosine": {}}}})
    assert "2 / learning rate, of the condition of its colour" in found["along_training"]
    assert "2 / learning rate" not in found["against_loss"]
    assert (
        "2 / learning rate" not in captions({"training": {"parts": {"sam": {}}}})["along_training"]
    )


def test_a_caption_of_a_trial_has_the_label_of_its_condition():
    spiking = captions({**SPIKING, **LEARNING_RATES})["raster"]
    assert "that BPTT, learning rate 0.001 trained from seed 1" in spiking


def test_the_caption_of_a_claim_says_who_claims_it():
    found = read_claims(os.path.join(made_up_study.REPOSITORY, "claims.yaml"))
    for claim in [*found.values(), found["gap_ordered"]._replace(claim="|x| is |y|")]:
        text = without_flaws(CAPTIONS.claim(claim))
        assert claim.claim.replace("|", "\\|") in text and claim.source in text
        assert ("remembered, not verified" in text) == (claim.text == "remembered")
    assert without_flaws(CAPTIONS.all_claims()).startswith("The marks of all claims")


def test_snakemake_finds_no_template_in_a_caption(tmp_path):
    save(plt.figure(), tmp_path, "mine", "Of {{ x }}, {% if %} and {# y #}, but $x_{1}$.")
    text = (tmp_path / "mine.rst").read_text()
    assert jinja2.Template(text).render() == text.rstrip("\n")
    assert "$x_{1}$" in text
