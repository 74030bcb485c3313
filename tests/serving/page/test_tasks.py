"""The page adapts to any task: size, words, classes, and pictures in any format."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.by import By
from sklearn.datasets import load_sample_image

from contract.task import Task
from serving.client import pictures
from serving.client.pictures import Fit
from tests.serving import stand_in
from tests.serving.page.browser import Page, needs_browser
from tests.serving.page.rest_server import RestServer
from tests.serving.tasks import DIGITS, LETTERS, SHAPES, TASKS

pytestmark = needs_browser


@pytest.fixture
def task(server: RestServer, request: pytest.FixtureRequest) -> Task:
    server.task = request.param
    server.classifier = stand_in.MODELS[server.task]()
    return server.task


def opened(page: Page, task: Task) -> Page:
    page.open(f"?model={task.name}")
    page.wait_for(lambda: page.text("state").endswith(" is ready"))
    return page


def names(page: Page) -> list[str]:
    rows = page.browser.find_elements(By.CSS_SELECTOR, "#bars li b")
    return [row.get_attribute("textContent") or "" for row in rows]


def saved(pixels: np.ndarray, path: Path) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def photographs(tmp_path: Path) -> list[Path]:
    """Real photographs: wide, tall, large, grey, and with a transparent corner."""
    china, flower = (load_sample_image(name) for name in ("china.jpg", "flower.jpg"))
    clear = np.dstack([flower, np.full(flower.shape[:2], 255, np.uint8)])
    clear[:200, :200, 3] = 0
    large = np.asarray(Image.fromarray(china).resize((2300, 1534)))
    kinds = [china, flower.transpose(1, 0, 2), large, china[..., 1], clear]
    return [saved(each, tmp_path / f"{i}.png") for i, each in enumerate(kinds)]


@pytest.mark.parametrize("task", TASKS, indirect=True, ids=lambda task: task.name)
def test_words_classes_and_size_are_the_tasks(page: Page, task: Task) -> None:
    opened(page, task)
    title = {"digit": "Draw a digit", "letter": "Draw a letter"}.get(task.noun)
    assert page.text("title") == page.browser.title == (title or "Show an image")
    assert page.text("about").startswith(f"The model knows {len(task.classes)} classes")
    assert names(page) == list(task.classes[:10])
    assert page.element("more").is_displayed() is (len(task.classes) > 10)
    assert page.element("help").is_displayed() is task.can_be_drawn
    seen = page.element("seen")
    size = (seen.get_attribute("width"), seen.get_attribute("height"))
    assert size == (str(task.width), str(task.height))


@pytest.mark.parametrize("task", [SHAPES], indirect=True)
def test_a_picture_of_the_model_s_size_is_asked_as_it_is(
    page: Page, server: RestServer, task: Task, tmp_path: Path
) -> None:
    opened(page, task)
    rng = np.random.default_rng(1)
    for label, name in enumerate(task.classes):
        shape = stand_in.shape(label, rng)
        page.show(saved(shape, tmp_path / f"{label}.png"))
        page.wait_for_text("answer", name)
        np.testing.assert_array_equal(server.images[-1], shape)
    assert page.errors() == []


@pytest.mark.parametrize("task", [LETTERS], indirect=True)
def test_of_many_classes_the_best_are_shown_first(
    page: Page, task: Task, tmp_path: Path
) -> None:
    opened(page, task)
    letter = stand_in.letter("k", stand_in.FACES[0], np.random.default_rng(0))
    page.show(saved(letter, tmp_path / "k.png"))
    page.wait_for(lambda: page.text("answer") == "k")
    shares = stand_in.train_letters().predict_proba(letter.reshape(1, -1) / 255)[0]
    assert names(page) == [task.classes[i] for i in np.argsort(-shares)[:10]]
    assert page.text("more") == "and 16 more"


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("task", TASKS, indirect=True, ids=lambda task: task.name)
def test_photographs_are_fitted_as_the_client_fits_them(
    page: Page, server: RestServer, task: Task, fit: Fit, tmp_path: Path
) -> None:
    opened(page, task)
    for path in photographs(tmp_path):
        page.show(path)
        page.wait_for(lambda: page.element("fit").is_displayed())
        page.choose("fit", fit)
        expected, _ = pictures.from_bytes(path.read_bytes(), task, fit)

        def is_asked(expected: np.ndarray = expected) -> bool:
            # Transparent pixels pass the browser's premultiplied canvas.
            found = server.images[-1].astype(int) if server.images else -expected
            return bool(np.abs(found - expected).max() <= 1)

        page.wait_for(is_asked)


@pytest.mark.parametrize("task", [DIGITS, LETTERS], indirect=True)
def test_drawings_are_read_as_the_client_reads_them(
    page: Page, server: RestServer, task: Task, tmp_path: Path
) -> None:
    opened(page, task)
    rng = np.random.default_rng(2)
    for number in range(12):
        image = stand_in.letter("abgkmwxyz"[number % 9], stand_in.FACES[1], rng)
        size = (int(rng.integers(40, 1300)), int(rng.integers(40, 900)))
        drawn = np.asarray(Image.fromarray(image).resize(size), np.float32)
        light = np.linspace(0.8, 1.1, size[0]) * np.linspace(1, 0.85, size[1])[:, None]
        grain = rng.normal(0, 3, drawn.shape)
        levels = np.clip((drawn * 0.6 + 40) * light + grain, 0, 255)
        if number % 2:
            levels = 255 - levels
        path = saved(levels.astype(np.uint8), tmp_path / f"{number}.png")
        expected, way = pictures.from_bytes(path.read_bytes(), task)
        assert way is pictures.Way.DRAWING
        server.images.clear()
        page.show(path)
        page.wait_for(lambda: bool(server.images))
        difference = np.abs(server.images[-1].astype(int) - expected)
        assert difference.max() <= 1


@pytest.mark.parametrize("task", [LETTERS], indirect=True)
def test_ink_is_dark_where_the_tasks_background_is_light(
    page: Page, server: RestServer, task: Task
) -> None:
    opened(page, task)
    page.draw([[(0, -30), (0, 30)]])
    page.wait_for(lambda: "answered in" in page.text("state"))
    image = server.images[-1]
    assert image.shape == (20, 24)
    assert image[0, 0] == 255
    rows, _ = np.nonzero(image < 128)
    assert np.ptp(rows) + 1 == 14  # of 20 rows, a margin of 3


@pytest.mark.parametrize("task", [DIGITS], indirect=True)
def test_a_blank_picture_is_said(page: Page, task: Task, tmp_path: Path) -> None:
    opened(page, task)
    page.show(saved(np.full((50, 50), 200, np.uint8), tmp_path / "blank.png"))
    page.wait_for(lambda: "There is no digit in it" in page.text("state"))


@pytest.mark.parametrize("task", [SHAPES], indirect=True)
def test_what_is_no_picture_is_said_by_its_name(
    page: Page, task: Task, tmp_path: Path
) -> None:
    opened(page, task)
    path = tmp_path / "notes.txt"
    path.write_text("no picture")
    page.show(path)
    page.wait_for(lambda: page.text("state").startswith("notes.txt is no picture"))


@pytest.mark.parametrize("way", ["drop", "paste"])
@pytest.mark.parametrize("task", [SHAPES], indirect=True)
def test_pictures_are_dropped_and_pasted(
    page: Page, server: RestServer, task: Task, way: str
) -> None:
    opened(page, task)
    page.browser.execute_async_script(
        """
        const done = arguments[1], sheet = document.createElement("canvas");
        sheet.width = 16; sheet.height = 12;
        sheet.getContext("2d").fillStyle = "#ff0000";
        sheet.getContext("2d").fillRect(0, 0, 16, 12);
        sheet.toBlob(blob => {
          const carried = new DataTransfer();
          carried.items.add(new File([blob], "x.png", { type: "image/png" }));
          const event = arguments[0] === "drop"
            ? new DragEvent("drop", { dataTransfer: carried, bubbles: true })
            : new ClipboardEvent("paste", { clipboardData: carried, bubbles: true });
          document.body.dispatchEvent(event);
          done();
        });
        """,
        way,
    )
    page.wait_for(lambda: bool(server.images))
    np.testing.assert_array_equal(
        server.images[-1], np.full((12, 16, 3), (255, 0, 0), np.uint8)
    )


@pytest.mark.parametrize("task", [SHAPES], indirect=True)
@pytest.mark.parametrize("width", [1100, 390, 320])
def test_long_names_are_cut_and_are_no_markup(
    page: Page, server: RestServer, task: Task, tmp_path: Path, width: int
) -> None:
    long = "a name that is far too long to be shown in full on any telephone " * 2
    server.task = SHAPES.named(classes=(long.strip(), "<b>b</b>", "c", "\N{SNOWMAN}"))
    page.open(f"?model={task.name}", width=width)
    shape = stand_in.shape(0, np.random.default_rng(1))
    page.show(saved(shape, tmp_path / "x.png"))
    page.wait_for(lambda: page.text("answer") == long.strip())
    assert page.element("answer").get_attribute("title") == long.strip()
    assert names(page)[1:] == ["<b>b</b>", "c", "\N{SNOWMAN}"]
    sideways = "return document.documentElement.scrollWidth"
    assert page.browser.execute_script(sideways) <= width


@pytest.mark.parametrize("task", [SHAPES], indirect=True)
def test_a_model_that_does_not_tell_its_task_is_shown_pictures(
    page: Page, server: RestServer, task: Task, tmp_path: Path
) -> None:
    server.tells = False
    opened(page, task)
    assert "does not tell its task" in page.text("note")
    assert names(page) == ["0", "1", "2", "3"]
    page.show(saved(stand_in.shape(2, np.random.default_rng(0)), tmp_path / "star.png"))
    page.wait_for(lambda: page.text("answer") == "2")


@pytest.mark.parametrize("task", [SHAPES], indirect=True)
def test_another_task_of_a_newer_version_replaces_the_page_s(
    page: Page, server: RestServer, task: Task, tmp_path: Path
) -> None:
    opened(page, task)
    server.task = SHAPES.named(classes=("one", "two", "three", "four"), noun="sign")
    server.versions = {1800000000: "AVAILABLE"}
    page.show(saved(stand_in.shape(1, np.random.default_rng(0)), tmp_path / "x.png"))
    page.wait_for(lambda: page.text("answer") == "two")
    assert page.text("title") == "Show a sign"


@pytest.mark.parametrize("task", [SHAPES], indirect=True)
def test_a_name_that_nobody_serves_can_be_mended(page: Page, task: Task) -> None:
    page.open()
    page.wait_for(lambda: page.element("who").is_displayed())
    page.element("name").clear()
    page.element("name").send_keys("shapes\n")
    page.wait_for(lambda: page.text("state") == "shapes version 1700000000 is ready")
    assert page.browser.current_url.endswith("?model=shapes")
