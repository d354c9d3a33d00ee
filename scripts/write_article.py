"""Write the article of a suite: article.pdf and article.html, and article.typ, their source.

Methods come from the studies' configurations and from what the code says of tasks, rules and
statistics; results, claim by claim, from claims.csv. What else there is to say of the committed
claims is in docs/article/claims.typ.jinja.
"""

import argparse
import inspect
import json
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import typst
import yaml

from lib.claims import ALL, Claim, number_of_main, read_claims, read_decided, studies_of
from lib.pages import DOCS, estimate_text, mark_text, render, write_text
from lib.program import run
from lib.statistics import STATISTICS
from lib.verdicts import NOT_COMPUTED
from lsnn.errors import ResultError
from lsnn.learning_rules import LEARNING_RULES
from lsnn.neurons import NEURONS
from lsnn.options import default_of
from lsnn.storage.files import atomic_write
from lsnn.study.config import Study
from lsnn.tasks import TASKS

CITATION = DOCS.parent / "CITATION.cff"
OUR_TEXT = "article/claims.typ.jinja"  # in docs/, of the claims of the repository
STYLE = Path(__file__).parent / "lib/templates/article.css"


class Tested(NamedTuple):
    """A claim, and the rows of claims.csv about it, one for each of its studies."""

    claim: Claim
    rows: list[Any]

    @property
    def is_computed(self) -> bool:
        """Whether any of its studies has been computed."""
        return any(row.verdict != NOT_COMPUTED for row in self.rows)


def quoted(text: object) -> str:
    """Return a text as Typst sets it letter by letter.

    >>> print(quoted("at $5, not #5"))
    #"at $5, not #5";
    """
    return f"#{string(text)};"


def string(text: object) -> str:
    """Return a text as a string of Typst, whose escapes are those of JSON but for other letters."""
    return json.dumps(str(text), ensure_ascii=False)


def documentation(member: type) -> str:
    """Return what the code says of a class: its docstring up to the arguments.

    It is one paragraph, but for what is indented there, whose lines remain.
    """
    text = inspect.cleandoc(member.__doc__ or "")
    text = re.split(r"\n\n(?:Args|Attributes|Raises):", text)[0]
    text = re.sub(r"\s\(:\w+:`[^`]*`\)|``?|:\w+:", "", text)
    parts = re.split(r"\n\n((?: {4}.*\n?)+)", text)
    return " ".join(
        f"#raw(block: true, {string(textwrap.dedent(part).strip())});"
        if number % 2
        else quoted(" ".join(part.split()))
        for number, part in enumerate(parts)
        if part.strip()
    )


def cited(text: str, names: dict[str, str]) -> str:
    """Return a text in which works are cited that it names, as "Cohen et al. 2021".

    Args:
        names: keys of the bibliography, by the name.
    """
    parts = re.split("(" + "|".join(map(re.escape, names)) + ")", text) if names else [text]
    return "".join(
        f'#cite(<{names[part]}>, form: "prose");' if part in names else quoted(part)
        for part in parts
        if part
    )


def read_citation() -> dict[str, Any]:
    """Return what CITATION.cff holds."""
    return yaml.safe_load(CITATION.read_text(encoding="utf-8"))


def references() -> tuple[dict[str, Any], dict[str, str]]:
    """Return the works that CITATION.cff names, as Typst takes them, by key; and keys by name.

    A name is how a text calls a work, as "Murray 2019" or "Liu et al. 2022"; where two works have
    one name, it is the first one's.
    """
    works: dict[str, Any] = {}
    names: dict[str, str] = {}
    for work in read_citation()["references"]:
        *others, last = families = [author["family-names"] for author in work["authors"]]
        called = f"{', '.join(others)} and {last}" if others else last
        called = f"{families[0]} et al." if len(families) > 3 else called
        key = f"{families[0].lower()}{work['year']}"
        key += "b" * (key in works)
        names.setdefault(f"{called} {work['year']}", key)
        works[key] = {
            "type": "article",
            "title": {"value": work["title"], "verbatim": True},
            "author": [f"{of['family-names']}, {of['given-names']}" for of in work["authors"]],
            "date": work["year"],
            "parent": {
                "type": "periodical" if "journal" in work else "proceedings",
                "title": work.get("journal") or work.get("collection-title", ""),
            },
            **({"url": work["url"]} if "url" in work else {}),
            **({"serial-number": {"doi": work["doi"]}} if "doi" in work else {}),
        }
    return works, names


def of_study(study: Study) -> str:
    """Return the settings of a study in words."""
    task = dict(study.task)
    options = TASKS[task.pop("name")].options
    own = {key: of for key, of in task.items() if of != default_of(options.get(key, {}))}
    own.pop("tests", None)
    setups = [study.setup(name) for name in study.conditions]
    neurons, training = study.network.neurons, [setup.training for setup in setups]
    times = {(s.network.neurons.get("tau_m", 0.0), s.network.tau_out) for s in setups}
    blocks = dict.fromkeys(
        f"{entry['block']} on {entry['split']} examples" for entry in study.hessian
    )
    iterations = [condition.iterations for condition in study.conditions.values()]
    parts = [
        ", ".join(
            [
                study.task["name"].replace("_", " "),
                *(f"{key.replace('_', ' ')} {value}" for key, value in own.items()),
            ]
        ),
        f"{study.network.n_units} units ({neurons['name']})",
        "time constants " + " or ".join(f"{a:g} and {b:g} ms" for a, b in sorted(times)),
        f"L2 {spread([setup.loss.l2 for setup in setups])}",
        f"batches of {spread([of.batch_size for of in training])}",
        f"learning rate {spread([of.learning_rate for of in training])}",
        f"{spread(iterations)} iterations",
        ", ".join(dict.fromkeys(s.learning_rule["name"].replace("_", " ") for s in setups)),
        f"seeds {spread(study.seeds)}",
        f"Hessian of {' and '.join(blocks)}" if blocks else "no Hessian",
    ]
    return "; ".join(parts) + "."


def spread(values: Sequence[float]) -> str:
    """Return the smallest and the largest value, once where they are one."""
    return " to ".join(f"{value:g}" for value in dict.fromkeys([min(values), max(values)]))


def about(
    claims: dict[str, Claim], table: pd.DataFrame, studies: dict[str, Study], commit: str
) -> dict[str, Any]:
    """Return what the template is filled with, but for the text of one's own."""
    rows = {claim: list(of.itertuples()) for claim, of in table.groupby("claim", sort=False)}
    tested = [
        Tested(claim, [row for row in rows[claim.name] if row.study != ALL])
        for claim in claims.values()
    ]
    used = [studies[n] for n in dict.fromkeys(table["study"]) if n in studies]
    rules = [s.setup(c).learning_rule["name"] for s in used for c in s.conditions]
    kinds = [of["name"] for claim in claims.values() for of in claim.statistics.values()]
    main_rows = table[(table["family"] == "main") & (table["study"] != ALL)]
    _, names = references()

    def number(claim: str, study: str) -> str:
        for row in rows.get(claim, []):
            if row.study == study:
                return quoted(estimate_text(row))
        raise ResultError(f"docs/{OUR_TEXT}: no claim {claim} on {study} in the file of claims")

    return {
        "main": [of for of in tested if of.claim.main and of.is_computed],
        "others": [of for of in tested if not of.claim.main and of.is_computed],
        "not_computed": [of for of in tested if not of.is_computed],
        "n_main": number_of_main(claims),
        "n_claims": len(claims),
        "n_runs": sum(len(study.conditions) * len(study.seeds) for study in used),
        "verdicts": main_rows["verdict"].value_counts().to_dict(),
        "studies": used,
        "of_study": of_study,
        "number": number,
        "rules": {n: LEARNING_RULES[n] for n in dict.fromkeys(rules)},
        "tasks": {n: TASKS[n] for n in dict.fromkeys(study.task["name"] for study in used)},
        "neurons": {
            n: NEURONS[n] for n in dict.fromkeys(s.network.neurons["name"] for s in used)
        },
        "statistics": {n: STATISTICS[n] for n in dict.fromkeys(kinds)},
        "commit": commit,
        "cite": lambda text: cited(text, names),
        "quoted": quoted,
        "documentation": documentation,
        "estimate_text": estimate_text,
        "mark_text": mark_text,
        "authors": ", ".join(author.get("name", "") for author in read_citation()["authors"]),
    }  # fmt: skip


def compile_article(folder: Path) -> None:
    """Compile article.typ in a folder to article.pdf and article.html, whole or not at all.

    Raises:
        ResultError: it cannot be compiled, as where a figure is missing.
    """
    source = folder / "article.typ"
    for kind in ("pdf", "html"):
        try:
            made = typst.compile(str(source), format=kind)
        except typst.TypstError as error:
            raise ResultError(f"{source}: cannot be compiled: {error}") from None
        if kind == "html":
            style = f"<style>\n{STYLE.read_text(encoding='utf-8')}</style></head>"
            made = made.replace(b"</head>", style.encode(), 1)
        with atomic_write(folder / f"article.{kind}") as stream:
            stream.write(made)


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--claims", required=True, metavar="FILE", help="claims (YAML)")
    parser.add_argument("--decided", required=True, help="folder of claims.csv")
    parser.add_argument(
        "--studies", nargs="+", required=True, metavar="FOLDER", help="folders of studies' results"
    )
    parser.add_argument("--output", required=True, help="folder of figures/, and of the article")
    arguments = parser.parse_args()

    claims, folder = read_claims(arguments.claims), Path(arguments.output)
    table, points, commit = read_decided(arguments.decided, arguments.claims)
    studies = studies_of(arguments.studies, points)
    is_ours = Path(arguments.claims).resolve() == DOCS.parent / "claims.yaml"
    content = {**about(claims, table, studies, commit), "text": OUR_TEXT if is_ours else ""}
    works, _ = references()
    write_text(folder / "references.yml", yaml.safe_dump(works, allow_unicode=True))
    write_text(folder / "article.typ", render("article.typ", **content))
    compile_article(folder)


if __name__ == "__main__":
    run(main)
