"""The site of the docs, built as `make site` does."""

import re
import subprocess

import pytest
from selenium.webdriver.common.by import By

from conftest import REPOSITORY

PYTHON = REPOSITORY / ".environments/site/bin/python"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built without any warning, as of a link that is broken."""
    folder = tmp_path_factory.mktemp("site")
    pages, site = folder / "pages", folder / "site"
    options = ["--quiet", "--fail-on-warning", "--keep-going", "-c", REPOSITORY / "docs/site"]
    subprocess.run([PYTHON, REPOSITORY / "docs/site/stage.py", pages], check=True)
    subprocess.run([PYTHON, "-m", "sphinx", *options, pages, site], check=True)
    return site


@pytest.mark.slow
def test_every_page_of_the_docs_is_on_the_site(site):
    pages = {path.relative_to(REPOSITORY) for path in REPOSITORY.glob("docs/**/*.md")}
    pages = {page.with_suffix(".html") for page in pages if "site" not in page.parts}
    assert len(pages) > 25 and all((site / page).exists() for page in pages)
    assert "PNG" in str((site / "_images/answer.png").read_bytes()[:8])
    first = (site / "index.html").read_text()
    (found,) = re.findall(
        r"^## What was found\n\n(.*)$", (REPOSITORY / "README.md").read_text(), re.M
    )
    assert found in first  # quoted
    assert "_images/" in (site / "docs/notebooks/analysis.html").read_text()  # an output
    assert "_images/card.png" in first and "PNG" in str(
        (site / "_images/card.png").read_bytes()[:8]
    )


@pytest.mark.slow
def test_docstrings_are_on_the_site_as_they_were_written(site):
    page = (site / "api/lsnn/curvature/eigenvalues/index.html").read_text()
    words = re.sub(r"<[^>]+>", "", page)
    assert "Lanczos" in words and "|Av - value v|" in words


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site):
    for path in site.rglob("*.html"):
        assert not re.findall(
            r'<(?:script|img|link)[^>]+(?:src|href)="(?:https?:)?//', path.read_text()
        )


@pytest.mark.slow
def test_a_click_on_the_head_of_a_column_sorts_its_table(site, browser):
    def column(number):
        cells = browser.find_elements(By.CSS_SELECTOR, f"tbody td:nth-child({number})")
        return [cell.text for cell in cells]

    browser.get((site / "docs/scoreboard.html").as_uri())
    rule, score = browser.find_elements(By.CSS_SELECTOR, "article th")[:2]
    rules = column(1)
    score.click()
    scores = [float(text.split()[0]) for text in column(2)]
    assert scores == sorted(scores, reverse=True) and len(scores) > 5
    assert column(1) != rules  # whole rows move
    score.click()
    assert [float(text.split()[0]) for text in column(2)] == scores[::-1]
    rule.click()
    assert column(1) == sorted(rules, key=str.lower)
