"""A real headless Chromium, and the page in it."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (BROWSER and DRIVER),
    reason="needs a browser: Debian's packages chromium and chromium-driver",
)
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)

# Strokes as lists of corners, in hundredths of the paper from its centre.
DIGITS = {
    1: [[(0, -35), (0, 35)]],
    3: [
        [(-17, -27), (0, -35), (17, -27), (17, -13), (0, -2)],
        [(0, -2), (17, 10), (17, 25), (0, 35), (-18, 27)],
    ],
    7: [[(-20, -33), (20, -33), (-5, 35)]],
}


@contextlib.contextmanager
def headless(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser with a fresh profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, Service(DRIVER))
    try:
        yield browser
    finally:
        browser.quit()


class Page:
    """The page, with the actions of a user."""

    def __init__(self, browser: webdriver.Chrome, url: str) -> None:
        self.browser, self.url = browser, url

    def open(self, query: str = "", width: int = 1200, height: int = 900) -> "Page":
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": width,
                "height": height,
                "deviceScaleFactor": 1,
                "mobile": width < 600,
            },
        )
        self.browser.get(self.url + query)
        self.browser.get_log("browser")
        return self

    def ready(self) -> "Page":
        """Waits until the page knows the model; before that nothing can be drawn."""
        self.wait_for(lambda: "is ready" in self.text("state"))
        return self

    def element(self, name: str) -> WebElement:
        return self.browser.find_element(By.ID, name)

    def text(self, name: str) -> str:
        return self.element(name).get_attribute("textContent") or ""

    def wait_for(self, condition: Callable[[], bool]) -> None:
        WebDriverWait(self.browser, 15, 0.05).until(lambda _: condition())

    def wait_for_text(self, name: str, text: str) -> None:
        self.wait_for(lambda: self.text(name) == text)

    def draw(self, strokes: list[list[tuple[int, int]]]) -> None:
        """Draws with the mouse, stroke by stroke."""
        paper = self.element("paper")
        side = paper.size["width"] / 100
        for stroke in strokes:
            hand = ActionChains(self.browser, duration=10)
            for place, (x, y) in enumerate(stroke):
                hand.move_to_element_with_offset(paper, x * side, y * side)
                if place == 0:
                    hand.click_and_hold()
            hand.release().perform()

    def show(self, picture: Path) -> None:
        """Chooses a picture's file."""
        self.element("file").send_keys(str(picture))

    def choose(self, name: str, value: str) -> None:
        """Chooses an option of a list."""
        Select(self.element(name)).select_by_value(value)

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]
