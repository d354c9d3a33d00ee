"""Files of claims: what is read, and what is refused."""

import os

import pytest

from lib.claims import parse_claims, read_claims, read_claims_of
from lsnn.errors import ConfigError

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CLAIM = {
    "claim": "It is sharper.",
    "source": "Somebody",
    "statistic": {"name": "contrast", "column": "lambda_max", "condition": "three_factor"},
    "studies": {"one": {}, "other": {"condition": "rflo"}},
}


def test_claims_are_read_in_their_order_with_defaults():
    claims = read_claims(os.path.join(REPOSITORY, "claims.yaml"))
    assert list(claims)[:2] == ["worse_late", "worse_late_by_loss"]
    (claim,) = parse_claims({"sharper": CLAIM}).values()
    assert (claim.text, claim.supported_if, claim.main) == ("own", "above", False)
    expected = dict(CLAIM["statistic"], at="final")
    assert claim.statistics == {"one": expected, "other": dict(expected, condition="rflo")}


def test_one_claim_for_each_of_several():
    of_each = {"mdgl": {"condition": "mdgl", "words": "MDGL"}, "the_rule": {"margin": 1.5}}
    both = parse_claims({"sharper": {**CLAIM, "claim": "{each} is sharper.", "for_each": of_each}})
    assert [(claim.name, claim.claim) for claim in both.values()] == [
        ("sharper_mdgl", "MDGL is sharper."),
        ("sharper_the_rule", "the rule is sharper."),
    ]
    alone = parse_claims({"sharper": CLAIM})["sharper"].statistics
    mdgl, the_rule = (claim.statistics for claim in both.values())
    assert mdgl == {study: dict(of, condition="mdgl") for study, of in alone.items()} | {
        "other": dict(alone["other"])  # what a study says comes last
    }
    assert the_rule == {study: dict(of, margin=1.5) for study, of in alone.items()}


@pytest.mark.parametrize(
    "change, line",
    [
        ({"claims": "x"}, "sharper.claims: unknown key (did you mean claim?); allowed: answer,"),
        ({"claim": None}, "sharper.claim: "),
        ({"statistic": {}}, "sharper.statistic: is missing"),
        ({"statistic": {"name": "contrasts"}}, "sharper.statistic.name: "),
        ({"statistic": {"column": "x"}}, "sharper.statistic.name: null is not possible"),
        (
            {"statistic": {"name": "level", "column": "x", "condition": "y"}},
            "sharper.statistic.against: is missing; level needs it",
        ),
        (
            {"statistic": dict(CLAIM["statistic"], at="end")},
            'sharper.statistic.at: "end" is not possible; allowed: one of "final"',
        ),
        (
            {"statistic": {"name": "order", "column": "x", "conditions": ["bptt"]}},
            'sharper.statistic.conditions: ["bptt"] is not possible; allowed: a list of at least 2',
        ),
        ({"studies": {}}, "sharper.studies: "),
        ({"studies": {"one": {"columns": "x"}}}, "sharper.studies.one.columns: unknown key"),
        ({"supported_if": "over"}, 'sharper.supported_if: "over" is not possible; allowed: one'),
        ({"main": 1}, "sharper.main: 1 is not possible; allowed: true or false"),
        (
            {"statistic": dict(CLAIM["statistic"], seeds="20-9")},
            'sharper.statistic.seeds: "20-9" is not possible; allowed: the first, then the last',
        ),
        (
            {"statistic": dict(CLAIM["statistic"], seeds="9")},
            'sharper.statistic.seeds: "9" is not possible',
        ),
        (
            {"statistic": dict(CLAIM["statistic"], margin=0)},
            "sharper.statistic.margin: 0 is not possible; allowed: a number > 0",
        ),
        (
            {"statistic": dict(CLAIM["statistic"], loss=0.1)},
            "sharper.statistic.loss: 0.1 is not possible; allowed: none without at: common_loss",
        ),
        (
            {"supported_if": "equal"},
            "sharper.statistic.margin: is missing; supported_if: equal needs it",
        ),
        (
            {"supported_if": "equal", "statistic": {"name": "divergence", "condition": "y"}},
            "sharper.statistic.margin: is missing, and divergence has none; supported_if: equal",
        ),
        (
            {"main": True, "statistic": {"name": "correlation", "column": "x", "over": "y"}},
            'sharper.statistic.name: "correlation" is not possible; allowed: another one',
        ),
        ({"answer": "gap"}, "sharper.statistic.margin: is missing; answer: gap needs it"),
        (
            {"answer": "rate"},
            'sharper.statistic.name: "contrast" is not possible; allowed: trend, with answer: rate',
        ),
        ({"studies": {"all": {}}}, 'sharper.studies.all: "all" is not possible'),
        ({"for_each": {}}, "sharper.for_each: {} is not possible"),
        ({"for_each": {"a": {}}}, "allowed: a sentence with {each}, as there is for_each"),
        ({"for_each": {"a": 1}}, "sharper.for_each.a: 1 is not possible"),
        ({"for_each": {"a": {"words": 1}}}, "sharper.for_each.a.words: 1 is not possible"),
        ({"for_each": {"a": {"marg": 1}}}, "sharper_a.statistic.marg: unknown key"),
        ({"for_each": {"a b": {}}}, 'sharper_a b: "sharper_a b" is not possible'),
    ],
)
def test_what_cannot_be_is_refused_by_name(change, line):
    with pytest.raises(ConfigError) as error:
        parse_claims({"sharper": dict(CLAIM, **change)})
    assert line in str(error.value)


def test_two_claims_cannot_stand_at_one_place_of_the_answer():
    statistic = dict(CLAIM["statistic"], margin=1.25)
    one = dict(CLAIM, statistic=statistic, answer="sharpness")
    with pytest.raises(ConfigError) as error:
        parse_claims({"one": one, "two": one})
    line = 'two.answer: "sharpness" is not possible; allowed: another one: one has it on'
    assert line in str(error.value)
    parse_claims({"one": one, "two": dict(one, answer="gap")})


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        parse_claims({"a": dict(CLAIM, text="heard"), "b": {"claim": "x"}, "c d": CLAIM})
    lines = str(error.value).splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith(("a", "b"))] == [
        "a.text",
        "b.source",
        "b.statistic",
        "b.studies",
    ]
    with pytest.raises(ConfigError) as error:
        parse_claims({"figures": CLAIM})
    assert str(error.value) == 'figures: "figures" is not possible; allowed: any other name'
    assert any(line.startswith('c d: "c d" is not possible; allowed: a string') for line in lines)


@pytest.mark.parametrize("values", [None, [], "x", {}])
def test_something_else_than_claims_is_refused(values):
    with pytest.raises(ConfigError):
        parse_claims(values)


def test_the_file_is_named(tmpdir):
    path = str(tmpdir.join("claims.yaml"))
    with pytest.raises(ConfigError) as error:
        read_claims(path)
    assert f"{path}: cannot be read" in str(error.value)
    tmpdir.join("claims.yaml").write("a: 1")
    with pytest.raises(ConfigError) as error:
        read_claims(path)
    assert str(error.value).startswith(f"claims {path}:\na: 1 is not possible")


def test_a_suite_names_its_claims_and_no_study_has_their_name(tmpdir):
    path = tmpdir.join("mine.yaml")
    path.write(
        "a: {claim: x, source: y, statistic: {name: divergence, condition: z}, studies: {o: {}}}"
    )
    name, claims = read_claims_of(str(path), {"one": None})
    assert (name, list(claims)) == ("mine", ["a"])
    with pytest.raises(ConfigError) as error:
        read_claims_of(str(path), {"mine": None})
    assert "results/mine is taken" in str(error.value)


def test_claims_whose_names_differ_by_case_alone_are_refused():
    with pytest.raises(ConfigError, match="^Sharper: .* differs from sharper by more than case$"):
        parse_claims({"sharper": CLAIM, "Sharper": CLAIM})
