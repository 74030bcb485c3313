"""The page in a real headless Chromium: wide, narrow, light, dark, and printed."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from components.data_gate.checks import Distance, Finding
from components.evaluator.judgement import Champion, ChampionRule, judge
from components.evaluator.results import Evaluation
from components.image_example_gen import digits
from components.image_example_gen.examples import Rows
from components.report import sections
from components.report.data import DataFacts, Pixels, Split, describe_sample
from components.report.evaluation import confusion_matrix, describe_evaluation
from components.report.model import describe_model
from components.report.page import Page
from components.report.run import Component, RunFacts, commands, versions
from components.report.standing import PUSHED, Verdict
from contract.bounds import BY_CLASS, Bound
from contract.demands import AT_LEAST, AT_MOST, Demand
from contract.task import Task
from tests.components.datasets import Dataset
from tests.components.report.conftest import FINGERPRINT, HISTORY, SUMMARY
from tests.components.report.test_page import HOSTILE
from tests.serving.page.browser import headless, needs_browser
from tests.tasks import LETTERS, SHAPES, letters, shapes

WIDTHS = {"desktop": 1280, "phone": 390, "small phone": 360}

BIRDS = Task(
    name="birds",
    height=96,
    width=128,
    channels=1,
    classes=tuple(
        f"{name} {number}"
        for number in range(30)
        for name in (
            "tufted titmouse (Baeolophus bicolor)",
            HOSTILE,
            "\u9ce5" * 30,
            "a" * 200,
        )
    ),
    noun="bird",
)
"""Grey photographs of 120 classes, with long names and names that contain HTML."""

TASKS = ("digits", "letters", "shapes", "birds")


def photographs() -> Dataset:
    images = np.random.default_rng(1).integers(0, 256, (240, 96, 128)).astype(np.uint8)
    labels = np.arange(240) % 120
    return Dataset(images, labels, images, labels)


def make_page(task: Task, data: Dataset) -> Page:
    """Returns a page with all sections, with hostile or long texts everywhere."""
    count = len(task.classes)
    test = Rows(data.test_images, data.test_labels.astype(int))
    train = Rows(data.train_images, data.train_labels.astype(int))
    noise = np.random.default_rng(1).dirichlet([0.3] * count, len(test))
    probabilities = 0.7 * np.eye(count)[test.labels] + 0.3 * noise
    probabilities[:30] = np.roll(probabilities[:30], 1, axis=1)
    answers = probabilities.argmax(axis=1)
    confusion = confusion_matrix(test.labels, answers, labels=range(count))
    numbers: dict[tuple[str, int | None], float] = {
        ("accuracy", None): float((answers == test.labels).mean())
    }
    for label, row in enumerate(confusion):
        numbers["accuracy", label] = float(row[label] / row.sum())
    demands = judge(
        task,
        [
            Bound("accuracy", "", bound=0.97, max_champion_loss=0.005),
            Bound("accuracy", "", bound=0.95, slices=BY_CLASS),
        ],
        {"accuracy": AT_LEAST},
        numbers,
        Champion(numbers, 0.99),
        ChampionRule(0.1),
    )
    gates = (
        Demand("DataGate", "findings", "", 1, 0, AT_MOST, overruled=True),
        *demands,
        Demand(
            "ServingValidator", "failed_checks", "", 3.0, 0.0, AT_MOST, detail=HOSTILE
        ),
    )
    pixels = Pixels(33.0, 78.0, 0.19, 0.0, 255.0)
    of_each = tuple(np.bincount(test.labels, minlength=count).tolist())
    facts = DataFacts(
        task,
        FINGERPRINT,
        tuple(
            Split(name, len(test), of_each, 0, pixels)
            for name in ("train", "eval", "test")
        ),
        (Finding("eval", "label", "differs from split train: " * 12 + HOSTILE),),
        True,
        (Distance("eval", "label", "L_INFTY", 0.9, 0.05),),
        (Distance("train", "image", "JENSEN_SHANNON_DIVERGENCE", 0.001, 0.01),),
        "1700000000",
        "",
        describe_sample("train", train, task),
    )
    components = tuple(
        Component(node, state, seconds, 900_000_000)
        for node, state, seconds in (
            ("ImageExampleGen", "cached", 0.1),
            ("Trainer", "done", 50.0),
        )
    )
    run = RunFacts(
        versions(),
        *(task.name, "today", 106.0, components, HOSTILE),
        commands("mnist", "/a/rather/long/path/" * 6),
    )
    evaluation = Evaluation(tuple(demands), "1700000000")
    made = Page(task.name, f"{task.name}-20261122-120000").having(
        sections.data_section(facts, train),
        sections.model_section(describe_model(HISTORY, SUMMARY)),
        sections.evaluation_section(
            describe_evaluation(
                task, test.labels, probabilities, 0.1, confusion, evaluation
            ),
            dict(enumerate(test.images)),
        ),
        sections.run_section(run),
    )
    verdict = Verdict(PUSHED, "Pushed as version 1700000001", (HOSTILE,), gates)
    return made.having(sections.verdict_section(verdict, made.sections))


@pytest.fixture(scope="module")
def pages(
    all_digits: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """Returns a function that makes a page of `TASKS`, and returns its address."""
    given = {
        "digits": lambda: (digits.TASK, all_digits),
        "letters": lambda: (LETTERS, letters(10, 5)[0]),
        "shapes": lambda: (SHAPES, shapes(20, 20)[0]),
        "birds": lambda: (BIRDS, photographs()),
    }

    @cache
    def make(name: str) -> str:
        path = tmp_path_factory.mktemp("page") / "report.html"
        path.write_text(make_page(*given[name]()).render())
        return path.as_uri()

    return make


@pytest.fixture(scope="module")
def url(pages: Callable[[str], str]) -> str:
    """The address of the page about digits."""
    return pages("digits")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with headless(tmp_path_factory.mktemp("profile")) as browser:
        browser.execute_cdp_cmd("Network.enable", {})
        yield browser


def look(
    browser: webdriver.Chrome, url: str, width: int, scheme: str = "light"
) -> webdriver.Chrome:
    """Returns a function that opens the page with a window width and colour scheme."""
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {
            "width": width,
            "height": 900,
            "deviceScaleFactor": 1,
            "mobile": width < 600,
        },
    )
    browser.get(url)
    return browser


def luminance(colour: str) -> float:
    """Returns the relative luminance of a CSS colour; see WCAG 2.1."""
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@needs_browser
@pytest.mark.parametrize("width", WIDTHS.values(), ids=list(WIDTHS))
@pytest.mark.parametrize("name", TASKS)
def test_it_opens_without_a_word_and_fits(
    browser: webdriver.Chrome, pages: Callable[[str], str], width: int, name: str
) -> None:
    look(browser, pages(name), width)
    assert browser.get_log("browser") == []
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    broken = browser.execute_script(
        "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    )
    assert broken == 0
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert [name for name in loaded if not name.startswith("data:")] == []


@needs_browser
@pytest.mark.parametrize("name", TASKS)
def test_a_telephone_shows_every_verdict(
    browser: webdriver.Chrome, pages: Callable[[str], str], name: str
) -> None:
    look(browser, pages(name), WIDTHS["small phone"])
    browser.execute_script(
        "document.querySelectorAll('details').forEach(d => d.open = true)"
    )
    edges = browser.execute_script(
        "return [...document.querySelectorAll('td .tag')]"
        ".map(t => t.getBoundingClientRect()).map(r => [r.left, r.right, r.height])"
    )
    assert len(edges) > 10
    assert all(left >= 0 and right <= 360 and high for left, right, high in edges)


@needs_browser
@pytest.mark.parametrize("width", WIDTHS.values(), ids=list(WIDTHS))
def test_long_names_push_nothing_out_of_sight(
    browser: webdriver.Chrome, pages: Callable[[str], str], width: int
) -> None:
    look(browser, pages("birds"), width)
    outside = browser.execute_script(
        "return [...document.querySelectorAll('#gates .scroll, figcaption')]"
        ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)"
    )
    assert outside == []
    names = browser.execute_script(
        "return [...document.querySelectorAll('#gates .cut')]"
        ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.title)"
    )
    assert any(name.startswith("a" * 200) for name in names)


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", TASKS)
def test_only_what_can_be_drawn_is_turned_round_where_it_is_dark(
    browser: webdriver.Chrome, pages: Callable[[str], str], name: str, scheme: str
) -> None:
    look(browser, pages(name), WIDTHS["desktop"], scheme)
    filters = browser.execute_script(
        "return [...document.images].map(i => getComputedStyle(i).filter)"
    )
    drawn = name in ("digits", "letters")
    turned = {"light": "invert(0)", "dark": "invert(1)"}[scheme]
    assert set(filters) == {turned if drawn else "none"}


@needs_browser
@pytest.mark.parametrize("name", TASKS)
def test_pictures_keep_their_proportions(
    browser: webdriver.Chrome, pages: Callable[[str], str], name: str
) -> None:
    for width in WIDTHS.values():
        look(browser, pages(name), width)
        wrong = browser.execute_script(
            "return [...document.images].map(i => [i.clientWidth, i.clientHeight,"
            " i.naturalWidth / i.naturalHeight]).filter(([w, h, r]) =>"
            " h && Math.abs(w - h * r) > 1.5)"
        )
        assert wrong == []


@needs_browser
def test_hostile_text_is_shown_as_text(browser: webdriver.Chrome, url: str) -> None:
    look(browser, url, WIDTHS["desktop"])
    reason = browser.find_element(By.CSS_SELECTOR, "#verdict .reason")
    assert reason.text == HOSTILE
    assert browser.find_elements(By.CSS_SELECTOR, "img[src='x']") == []


@needs_browser
def test_hostile_names_of_classes_are_shown_as_text(
    browser: webdriver.Chrome, pages: Callable[[str], str]
) -> None:
    look(browser, pages("birds"), WIDTHS["desktop"])
    assert browser.find_elements(By.CSS_SELECTOR, "img[src='x']") == []
    titles = browser.execute_script(
        "return [...document.querySelectorAll('.plot title')].map(t => t.textContent)"
    )
    assert f"{HOSTILE} 0" in titles


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_plots_stand_out(
    browser: webdriver.Chrome, url: str, scheme: str
) -> None:
    """WCAG 2.1 demands a contrast of 4.5 for text, and of 3 for parts of a plot."""
    look(browser, url, WIDTHS["desktop"], scheme)

    def colour(selector: str, what: str = "color") -> str:
        element = browser.find_element(By.CSS_SELECTOR, selector)
        return str(
            browser.execute_script(
                "return getComputedStyle(arguments[0])[arguments[1]]", element, what
            )
        )

    card = colour("#data", "backgroundColor")
    assert contrast(colour("#data h2"), card) > 4.5
    assert contrast(colour("#data .note"), card) > 4.5
    for tag in ("good", "bad", "warn"):
        ground = colour(f".tag.{tag}", "backgroundColor")
        assert contrast(colour(f".tag.{tag}"), ground) > 4.5
    assert contrast(colour(".plot text", "fill"), card) > 4.5
    for variable in ("accent", "second"):
        line = f"#model .plot path[style*='stroke: var(--{variable})']"
        assert contrast(colour(line, "stroke"), card) > 3


@needs_browser
def test_the_schemes_differ(browser: webdriver.Chrome, url: str) -> None:
    grounds = [
        look(browser, url, WIDTHS["desktop"], scheme)
        .find_element(By.TAG_NAME, "body")
        .value_of_css_property("background-color")
        for scheme in ("light", "dark")
    ]
    assert luminance(grounds[0]) > 0.8
    assert luminance(grounds[1]) < 0.05


@needs_browser
def test_plots_can_be_read_on_a_telephone(browser: webdriver.Chrome, url: str) -> None:
    look(browser, url, WIDTHS["phone"])
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('.plot text')]"
        ".map(t => t.getBoundingClientRect().height)"
    )
    assert min(sizes) > 8


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_prints_on_white(
    browser: webdriver.Chrome, url: str, tmp_path: Path, scheme: str
) -> None:
    look(browser, url, WIDTHS["desktop"], scheme)
    printed: Any = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    pdf = base64.b64decode(printed["data"])
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 3 <= pages <= 9
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    text = browser.find_element(By.CSS_SELECTOR, "#data h2")
    assert luminance(text.value_of_css_property("color")) < 0.05
    assert not browser.find_element(By.TAG_NAME, "nav").is_displayed()


@needs_browser
def test_programs_find_the_facts_in_it(browser: webdriver.Chrome, url: str) -> None:
    look(browser, url, WIDTHS["desktop"])
    found = [
        json.loads(element.get_attribute("textContent") or "")
        for element in browser.find_elements(By.CSS_SELECTOR, "script.facts")
    ]
    assert len(found) == 5
    assert set(found[0]) == {"kind", "headline", "reasons", "gates", "version"}
