"""The report of the demo, opened in a real headless browser."""

import io
import re

import pytest
from PIL import Image
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from conftest import DEMO

FIGURES = [
    "examples of the task",
    "generalization gap",
    "generalization gap against leading eigenvalue",
    "leading eigenvalue",
    "leading eigenvalue against loss",
    "learning curves",
    "rank of change",
    "smallest eigenvalue",
]


@pytest.fixture(scope="module")
def report(checkout, demo, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    done = checkout.snakemake(*DEMO, "--report", path)
    assert done.returncode == 0, done.stdout
    return path


def wait_for(browser, condition):
    return WebDriverWait(browser, 20, ignored_exceptions=[WebDriverException]).until(condition)


def open_category(browser, report, category):
    """Open a list of results; return {label: [link that shows it, link that tells of it]}."""

    def rows_of(browser):
        menu = browser.find_element(By.TAG_NAME, "nav")
        found = menu.find_elements(By.CSS_SELECTOR, "tbody tr")
        if not found:  # a click before the page is ready is lost
            menu.find_element(By.LINK_TEXT, category).click()
        return found

    browser.get(report.as_uri())
    rows = wait_for(browser, rows_of)
    return {row.text.strip(): row.find_elements(By.TAG_NAME, "a") for row in rows if row.text}


def errors(browser):
    return [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_report_is_one_file(report):
    text = report.read_text()
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="?https?:', text)


def test_it_tells_of_what_was_computed_and_says_so_where_another_study_is_asked_for(
    checkout, demo, tmp_path
):
    path = tmp_path / "report.html"
    done = checkout.snakemake(*DEMO, "--config", "seeds=[1,2,3,4]", "--report", path)
    assert done.returncode == 0, done.stdout
    text = path.read_text()
    assert "with 2 seeds for each condition" in text.replace("\\n", " ")
    assert "4 seeds" not in text
    assert "are of another configuration" in text
    assert "seeds: [1, 2] there, [1, 2, 3, 4] wanted" in text


def open_first_page(browser, report):
    browser.get(report.as_uri())
    return wait_for(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".prose"))[0]


def test_it_opens_with_question_numbers_and_method(browser, report):
    page = open_first_page(browser, report)
    body = page.text
    assert "How sharp are the regions of the loss" in body
    assert (
        "128 recurrent units" in body and "for a learning rate of 0.01 is 200" in body
    )  # from the configuration
    rows = [row.text for row in page.find_elements(By.CSS_SELECTOR, "tbody tr")]
    assert [row.split()[0] for row in rows] == ["BPTT", "three-factor"]
    assert page.find_element(By.CSS_SELECTOR, "figure svg").size["width"] > 400
    for term in ("Equal training loss", "Generalization gap", "2 / learning rate", "Diverged"):
        assert term in [found.text for found in page.find_elements(By.TAG_NAME, "dt")]
    assert browser.find_element(By.ID, "rulegraph").size["height"] > 300
    page.find_element(By.LINK_TEXT, "Figures").click()
    wait_for(
        browser,
        lambda b: "leading eigenvalue against loss" in b.find_element(By.TAG_NAME, "nav").text,
    )
    assert errors(browser) == []


@pytest.fixture
def phone(browser):
    screen = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def width_of(browser):
    return browser.execute_script("return document.documentElement.scrollWidth")


def test_on_a_phone_tables_scroll_and_pages_do_not(phone, report, demo):
    page = open_first_page(phone, report)
    assert page.rect["x"] + page.rect["width"] <= width_of(phone) == 390
    assert page.find_element(By.CSS_SELECTOR, "figure svg").size["width"] > 300
    table = page.find_element(By.TAG_NAME, "table")
    sizes = "return [arguments[0].scrollWidth, arguments[0].clientWidth]"
    wide, seen = phone.execute_script(sizes, table)
    assert wide > seen
    for name in ("summary", "configuration", "run"):
        phone.get((demo / f"report/{name}.html").as_uri())
        assert width_of(phone) == 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tables_have_the_colours_that_the_browser_prefers(browser, demo, scheme):
    preferred = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": preferred})
    browser.get((demo / "report/summary.html").as_uri())
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("L")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    background, (darkest, brightest) = picture.getpixel((1, 1)), picture.getextrema()
    assert background == {"light": brightest, "dark": darkest}[scheme]
    assert brightest - darkest > 200


@pytest.mark.parametrize("name", ["examples of the task", "leading eigenvalue against loss"])
def test_figures_are_listed_and_shown_with_their_captions(browser, report, name):
    links = open_category(browser, report, "Figures")
    assert sorted(links) == FIGURES
    show, tell = links[name]
    show.click()
    image = wait_for(
        browser,
        lambda b: [i for i in b.find_elements(By.TAG_NAME, "img") if i.size["width"] > 300],
    )[0]
    assert browser.execute_script("return arguments[0].naturalWidth", image) > 300
    picture = Image.open(io.BytesIO(image.screenshot_as_png)).convert("RGB")
    assert len(picture.getcolors(maxcolors=1 << 24)) > 100
    tell.click()
    wait_for(browser, lambda b: "DESCRIPTION" in b.find_element(By.TAG_NAME, "body").text)
    caption = browser.find_element(By.TAG_NAME, "body").text.split("DESCRIPTION")[1]
    assert len(caption.split("\n")[1]) > 80
    assert errors(browser) == []


@pytest.mark.parametrize(
    "name, words",
    [
        ("summary", ["BPTT", "three-factor", "final state", "Equal training loss"]),
        (
            "configuration",
            [
                "training.learning_rate",
                "0.01",
                "conditions.bptt.iterations",
                "hessian.0.quantities.0.tolerance",
            ],
        ),
        ("run", ["ms per iteration", "1.12.0", "BPTT, seed 1"]),
    ],
)
def test_every_table_is_filled(browser, report, name, words):
    show, _ = open_category(browser, report, "Tables")[name]
    show.click()
    frame = wait_for(browser, lambda b: b.find_elements(By.TAG_NAME, "iframe"))[0]
    browser.switch_to.frame(frame)
    cells = wait_for(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "td"))
    text = browser.find_element(By.TAG_NAME, "body").text
    assert len(cells) > 10
    for word in words:
        assert word in text
    browser.switch_to.default_content()
    assert errors(browser) == []


def test_the_trajectories_can_be_taken_from_it(browser, report):
    show, _ = open_category(browser, report, "Tables")["trajectories (csv)"]
    assert show.get_attribute("href").startswith("data:text/csv")
