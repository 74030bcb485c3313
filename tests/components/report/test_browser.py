"""The page in a real headless Chromium, wide and narrow, light and dark, printed."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from components.image_example_gen.rows import Rows
from selenium import webdriver
from selenium.webdriver.common.by import By

from components.data_gate.checks import Distance, Finding
from components.report import sections
from components.report.data import DataFacts, Pixels, Split, describe_sample
from components.report.evaluation import describe_evaluation
from components.report.model import describe_model
from components.report.page import Page
from components.report.run import Component, RunFacts, commands, versions
from components.report.standing import PUSHED, Verdict
from contract.demands import GateResult
from tests.components.datasets import Dataset
from tests.components.report.conftest import FINGERPRINT, HISTORY, SUMMARY
from tests.components.report.test_page import HOSTILE
from tests.serving.page.browser import headless, needs_browser

WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def page(all_digits: Dataset) -> Page:
    """All sections, with something hostile or long wherever text comes in."""
    test = Rows(all_digits.test_images, all_digits.test_labels.astype(int))
    train = Rows(all_digits.train_images, all_digits.train_labels.astype(int))
    noise = np.random.default_rng(1).dirichlet([0.3] * 10, len(test))
    probabilities = 0.7 * np.eye(10)[test.labels] + 0.3 * noise
    probabilities[:30] = np.roll(probabilities[:30], 1, axis=1)
    gates = [
        GateResult("Evaluator", "accuracy", "0.9781", ">= 0.97", "0.9790", True),
        *(
            GateResult("Evaluator", f"digit {d}", "0.9500", ">= 0.93", "0.9600", True)
            for d in range(10)
        ),
        GateResult("ServingValidator", "answers", HOSTILE * 3, "as trainer", "", False),
    ]
    pixels = Pixels(33.0, 78.0, 0.19, 0.0, 255.0)
    data = DataFacts(
        FINGERPRINT,
        tuple(Split(n, 360, (36,) * 10, 0, pixels) for n in ("train", "eval", "test")),
        (Finding("eval", "label", "differs from split train: " * 12 + HOSTILE),),
        True,
        (Distance("eval", "label", "L_INFTY", 0.9, 0.05),),
        (Distance("train", "image", "JENSEN_SHANNON_DIVERGENCE", 0.001, 0.01),),
        "1700000000",
        describe_sample("train", train),
    )
    components = tuple(
        Component(node, state, seconds, 900_000_000)
        for node, state, seconds in (
            ("ImageExampleGen", "cached", 0.1),
            ("Trainer", "done", 50.0),
        )
    )
    run = RunFacts(
        *("mnist-20261122-120000", "today", 106.0, components, HOSTILE),
        versions(),
        commands("mnist", "/a/rather/long/path/" * 6),
    )
    made = Page("mnist", "mnist-20261122-120000").having(
        sections.data_section(data, train),
        sections.model_section(describe_model(HISTORY, SUMMARY)),
        sections.evaluation_section(
            describe_evaluation(test.labels, probabilities, 0.1, None, gates, 0.93),
            test,
        ),
        sections.run_section(run),
    )
    verdict = Verdict(PUSHED, "Pushed as version 1700000001", (HOSTILE,), tuple(gates))
    tiles = sections.headline_numbers(made.sections)
    return made.having(sections.verdict_section(verdict, tiles))


@pytest.fixture(scope="module")
def url(page: Page, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page.render())
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with headless(tmp_path_factory.mktemp("profile")) as browser:
        browser.execute_cdp_cmd("Network.enable", {})
        yield browser


def look(
    browser: webdriver.Chrome, url: str, width: int, scheme: str = "light"
) -> webdriver.Chrome:
    """Opens the page in a window of that width and for those eyes."""
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
    """Relative luminance of a CSS colour; see WCAG 2.1."""
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
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_word_and_fits(
    browser: webdriver.Chrome, url: str, width: int, scheme: str
) -> None:
    look(browser, url, width, scheme)
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
def test_hostile_text_is_shown_as_text(browser: webdriver.Chrome, url: str) -> None:
    look(browser, url, WIDTHS["desktop"])
    reason = browser.find_element(By.CSS_SELECTOR, "#verdict .reason")
    assert reason.text == HOSTILE
    assert browser.find_elements(By.CSS_SELECTOR, "img[src='x']") == []


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_plots_stand_out(
    browser: webdriver.Chrome, url: str, scheme: str
) -> None:
    """WCAG 2.1: 4.5 for text, 3 for what a plot is made of."""
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
