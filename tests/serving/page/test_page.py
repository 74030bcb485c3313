"""The page in a real headless Chromium: drawn strokes get an answer."""

import itertools
import re
from collections.abc import Iterator

import numpy as np
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from serving.client import prepare
from serving.page import FILE
from tests.serving.page.browser import DIGITS, Page, needs_browser
from tests.serving.page.rest_server import RestServer
from tests.serving.tasks import DIGITS as DIGITS_TASK


@needs_browser
@pytest.mark.parametrize("digit", DIGITS)
def test_a_drawn_digit_is_read(page: Page, digit: int) -> None:
    page.open()
    page.wait_for(lambda: page.text("state") == "mnist version 1700000000 is ready")
    page.draw(DIGITS[digit])
    page.wait_for(lambda: page.text("answer") == str(digit))
    page.wait_for(lambda: page.text("spoken").startswith(f"{digit}, "))
    state = page.text("state").replace("\u00a0", " ")
    assert state.startswith("mnist version 1700000000 answered in ")
    assert state.endswith(" ms")
    rows = page.browser.find_elements(By.CSS_SELECTOR, "#bars li")
    shares = [float(row.text.split()[1].rstrip("%")) for row in rows]
    assert int(np.argmax(shares)) == digit
    assert sum(shares) == pytest.approx(100, abs=1)
    widths = [row.find_element(By.TAG_NAME, "i") for row in rows]
    lengths = [
        page.browser.execute_script(
            "return parseFloat(getComputedStyle(arguments[0], '::before').width)"
            " / arguments[0].clientWidth",
            bar,
        )
        for bar in widths
    ]
    assert lengths == pytest.approx([share / 100 for share in shares], abs=0.05)
    assert page.errors() == []


@needs_browser
@pytest.mark.parametrize(("novel", "times"), [(None, 1), (False, 2), (True, 2)])
def test_a_picture_that_is_unlike_all_that_was_learnt_is_marked(
    page: Page, server: RestServer, novel: bool | None, times: int
) -> None:
    server.novel = novel
    page.open().ready()
    page.draw(DIGITS[1])
    page.wait_for(lambda: page.text("answer") == "1")
    assert (page.text("sure") == "unlike all it has learnt") is bool(novel)
    said = "percent, unlike all it has learnt" if novel else "percent"
    page.wait_for(lambda: page.text("spoken").endswith(said))
    assert server.asked.count(server.asked[-1]) % times == 0


@needs_browser
def test_clear_and_undo_take_strokes_back(page: Page) -> None:
    page.open().ready()
    page.draw(DIGITS[1])
    page.wait_for(lambda: page.text("answer") == "1")
    page.draw([[(-20, 0), (20, 0)]])
    page.element("undo").click()
    page.wait_for(lambda: page.text("answer") == "1")
    page.element("clear").click()
    page.wait_for(lambda: page.text("sure") == "Nothing drawn yet")
    assert not page.element("clear").is_enabled()
    assert not page.element("undo").is_enabled()


@needs_browser
def test_a_digit_is_drawn_with_the_keyboard_alone(page: Page) -> None:
    page.open().ready()
    keys = ActionChains(page.browser)
    keys.send_keys(Keys.TAB, " ", *[Keys.ARROW_DOWN] * 14, " ").perform()
    page.wait_for(lambda: page.text("answer") == "1")
    focused = page.browser.switch_to.active_element
    assert focused.get_attribute("id") == "paper"
    outline = focused.value_of_css_property("outline-style")
    assert outline == "solid"
    page.wait_for(lambda: page.text("spoken").startswith("1, "))
    ActionChains(page.browser).send_keys(Keys.ESCAPE).perform()
    page.wait_for(lambda: page.text("sure") == "Nothing drawn yet")


@needs_browser
def test_touch_draws_and_does_not_scroll(page: Page) -> None:
    page.open(width=390, height=700).ready()
    box = page.element("paper").rect
    centre = box["x"] + box["width"] / 2
    for kind, share in [
        ("touchStart", 0.15),
        *[("touchMove", 0.15 + step / 20) for step in range(14)],
        ("touchEnd", None),
    ]:
        points = (
            []
            if share is None
            else [{"x": centre, "y": box["y"] + share * box["height"]}]
        )
        page.browser.execute_cdp_cmd(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
        )
    page.wait_for(lambda: page.text("answer") == "1")
    assert page.browser.execute_script("return scrollY") == 0


@needs_browser
def test_the_newest_available_version_answers_also_after_a_swap(
    page: Page, server: RestServer
) -> None:
    server.versions = {3: "AVAILABLE", 20: "AVAILABLE", 21: "LOADING"}
    page.open().ready()
    page.draw(DIGITS[1])
    page.wait_for(lambda: "version 20 answered" in page.text("state"))
    server.versions = {21: "AVAILABLE", 20: "END"}
    page.draw([[(5, -35), (5, 35)]])
    page.wait_for(lambda: "version 21 answered" in page.text("state"))
    assert server.asked[-1] == "/v1/models/mnist/versions/21:predict"


@needs_browser
def test_a_server_that_is_gone_is_said_and_found_again(
    page: Page, server: RestServer
) -> None:
    page.open().ready()
    server.stop()
    page.draw(DIGITS[1])
    page.wait_for(lambda: "The server does not answer" in page.text("state"))
    assert page.text("answer") == "?"
    server.start()
    page.wait_for(lambda: page.text("answer") == "1")


@needs_browser
def test_no_version_is_said_until_one_serves(page: Page, server: RestServer) -> None:
    server.versions = {7: "LOADING"}
    page.open()
    message = "The server has no model “mnist”, or no version of it is ready yet"
    page.wait_for(lambda: message in page.text("state"))
    server.versions = {7: "AVAILABLE"}
    page.wait_for(lambda: page.text("state") == "mnist version 7 is ready")


@needs_browser
def test_a_refusal_is_shown_in_the_servers_words(
    page: Page, server: RestServer
) -> None:
    server.refusal = 'Serving signature name: "x" <b>not</b> found'
    page.open()
    page.draw(DIGITS[1])
    page.wait_for(lambda: server.refusal in page.text("state"))


@needs_browser
def test_another_model_is_asked_by_the_address(page: Page, server: RestServer) -> None:
    page.open("?model=a%2Fb")
    page.wait_for(lambda: "“a/b”" in page.text("state"))
    assert set(server.asked) == {"/v1/models/a/b"}


@needs_browser
@pytest.mark.parametrize(
    ("scheme", "width"), itertools.product(["light", "dark"], [1200, 390, 320])
)
def test_it_fits_the_screen_and_its_text_is_legible(
    page: Page, scheme: str, width: int
) -> None:
    page.browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    page.open(width=width).ready()
    sideways = "return document.documentElement.scrollWidth"
    assert page.browser.execute_script(sideways) <= width
    contrasts = page.browser.execute_script(
        """
        const light = css => {
          const [r, g, b] = css.match(/[\\d.]+/g).map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const card = light(getComputedStyle(document.querySelector('main'))
          .backgroundColor);
        return ['h1', 'header p', '#sure', '#bars span', '#state', 'summary']
          .map(name => light(getComputedStyle(document.querySelector(name)).color))
          .map(ink => (Math.max(ink, card) + .05) / (Math.min(ink, card) + .05));
        """
    )
    assert min(contrasts) >= 4.5  # WCAG 2.2, level AA


@needs_browser
def test_it_centres_as_the_client_does(page: Page) -> None:
    page.open().ready()
    rng = np.random.default_rng(0)
    for _ in range(12):
        height, width = (int(side) for side in rng.integers(5, 150, 2))
        # smooth blotches, as strokes have soft edges
        coarse = rng.random((max(1, height // 5), max(1, width // 5))) ** 2
        soft = prepare.Image.fromarray(coarse.astype(np.float32))
        ink = np.clip(np.asarray(soft.resize((width, height))) - 0.1, 0, 1)
        theirs = page.browser.execute_script(
            "return Array.from(toForm(Float32Array.from(arguments[0]),"
            " arguments[1], arguments[2], formOf(task)))",
            ink.ravel().tolist(),
            width,
            height,
        )
        ours = prepare.to_form(ink, prepare.Form.of(DIGITS_TASK))
        difference = np.abs(np.reshape(theirs, (28, 28)) - ours.astype(int))
        assert difference.max() <= 1  # rounding


def test_the_page_loads_nothing_from_elsewhere() -> None:
    html = FILE.read_text()
    addresses = set(re.findall(r"https?:\S+?(?=['\"])", html))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a namespace, not loaded
    assert " src=" not in html
    assert "default-src 'none'" in html


class TestLabels:
    """With labels, the page asks the stable version, or the canary on request."""

    @pytest.fixture
    def labelled(self, server: RestServer) -> Iterator[RestServer]:
        server.versions = {1700000000: "AVAILABLE", 1700000001: "AVAILABLE"}
        server.labels = {"stable": 1700000000, "canary": 1700000001}
        yield server
        server.versions = {1700000000: "AVAILABLE"}
        server.labels = {}

    @needs_browser
    def test_the_stable_one_is_asked_until_the_canary_is_chosen(
        self, page: Page, labelled: RestServer
    ) -> None:
        page.open()
        page.wait_for(lambda: page.text("state") == "mnist version 1700000000 is ready")
        page.choose("label", "canary")
        page.wait_for(lambda: page.text("state") == "mnist version 1700000001 is ready")
        page.draw(DIGITS[1])
        page.wait_for(lambda: "1700000001 answered" in page.text("state"))
        assert labelled.asked[-1].endswith("/versions/1700000001:predict")

    @needs_browser
    def test_the_address_may_name_a_label(
        self, page: Page, labelled: RestServer
    ) -> None:
        page.open("?label=canary")
        page.wait_for(lambda: page.text("state") == "mnist version 1700000001 is ready")

    @needs_browser
    def test_without_labels_there_is_nothing_to_choose(
        self, page: Page, server: RestServer
    ) -> None:
        page.open().ready()
        assert not page.element("asking").is_displayed()
