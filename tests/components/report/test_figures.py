"""The plots: SVG in the page's own colours, for any data."""

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from markupsafe import Markup

from components.evaluator.results import Evaluation
from components.image_example_gen.digits import TASK
from components.report import canvas, class_figures, figures
from components.report.calibration import calibrate
from components.report.data import Sampled, Split
from components.report.evaluation import describe_classes
from components.report.model import Epoch
from contract.demands import AT_LEAST, Demand
from contract.task import Task
from tests.tasks import SHAPES

NAMES = (
    "tufted titmouse (Baeolophus bicolor)",
    "$x_1$ & <b>",
    "\u30b7\u30b8\u30e5\u30a6\u30ab\u30e9\u79d1\u306e\u9ce5\u985e\u306e\u540d",
    "\U0001f426",
)
LONG = replace(TASK, classes=NAMES)
MANY = replace(TASK, classes=tuple(f"{NAMES[n % 4]} {n}" for n in range(120)))

NONE = (0,) * 10
SPLITS = (
    Split("train", 100, (10,) * 10, 0, None),
    Split("eval", 20, (20, *NONE[1:]), 0, None),
    Split("test", 0, NONE, 0, None),
)
OF_MANY = (Split("train", 7260, tuple(range(1, 121)), 0, None),)
SAMPLED = Sampled("train", 100, (10,) * 9 + (0,), (0.2,) * 9 + (None,))
EPOCHS = [Epoch(n, 1 / n, 1 - 1 / (n + 1), 1 / n + n / 40, 0.9) for n in range(1, 26)]
ALL_NAN = [Epoch(1, 0.5, 0.5, math.nan, math.nan), Epoch(2, 0.4, 0.6, math.nan, 0.1)]

MATRIX = np.diag([90] * 10) + 1
CHAMPION = Evaluation(
    tuple(
        Demand("Evaluator", "accuracy", str(label), 0.9, 0.93, AT_LEAST)
        for label in range(10)
    ),
    "17",
    "",
    tuple(
        {"metric": "accuracy", "model": "champion", "slice": str(n), "value": 0.95}
        for n in range(10)
    ),
)
PROBABILITIES = np.random.default_rng(1).dirichlet([0.2] * 10, 200)
CALIBRATION = calibrate(PROBABILITIES.argmax(axis=1), PROBABILITIES)


def by_class(
    matrix: np.ndarray, task: Task = TASK, evaluation: Evaluation | None = None
) -> Markup:
    evaluation = evaluation or Evaluation(())
    return class_figures.by_class(task, describe_classes(task, matrix, evaluation))


DRAW: dict[str, Callable[[], Markup]] = {
    "class balance": lambda: class_figures.class_balance(TASK, SPLITS),
    "no splits": lambda: class_figures.class_balance(TASK, ()),
    "balance of many": lambda: class_figures.class_balance(MANY, OF_MANY),
    "ink": lambda: class_figures.ink(TASK, SAMPLED),
    "no ink at all": lambda: class_figures.ink(
        TASK, Sampled("train", 0, NONE, (None,) * 10)
    ),
    "ink of many": lambda: class_figures.ink(
        MANY, Sampled("train", 120, (1,) * 120, tuple(n / 120 for n in range(120)))
    ),
    "loss": lambda: figures.course(EPOCHS, "loss", 3),
    "accuracy": lambda: figures.course(EPOCHS, "accuracy", 20),
    "one epoch": lambda: figures.course(EPOCHS[:1], "loss", 1),
    "no numbers": lambda: figures.course(ALL_NAN, "loss", None),
    "by class": lambda: by_class(MATRIX, evaluation=CHAMPION),
    "by class, alone": lambda: by_class(MATRIX),
    "by class, all right": lambda: by_class(np.diag([9] * 10)),
    "by class, none": lambda: by_class(np.zeros((10, 10), int)),
    "by class, long names": lambda: by_class(np.diag([9] * 4), LONG),
    "by class, many": lambda: by_class(np.diag(range(1, 121)), MANY),
    "two classes": lambda: by_class(
        np.diag([9, 8]), replace(TASK, classes=("yes", "no"))
    ),
    "confusion": lambda: class_figures.confusion(TASK, MATRIX.tolist()),
    "confusion, long names": lambda: class_figures.confusion(
        LONG, (np.diag([9] * 4) + 1).tolist()
    ),
    "confusion of thirty": lambda: class_figures.confusion(
        replace(TASK, classes=tuple(map(str, range(30)))),
        (np.diag([9] * 30) + 1).tolist(),
    ),
    "no confusion": lambda: class_figures.confusion(TASK, np.diag([9] * 10).tolist()),
    "nothing asked": lambda: class_figures.confusion(
        TASK, np.zeros((10, 10), int).tolist()
    ),
    "reliability": lambda: figures.reliability(CALIBRATION),
    "no answers": lambda: figures.reliability(
        calibrate(np.array([], int), np.empty((0, 10)))
    ),
}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Markup]:
    with warnings.catch_warnings():
        # Such as the warning about letters that a font lacks.
        warnings.simplefilter("error")
        return {name: draw() for name, draw in DRAW.items()}


def texts(svg: str) -> list[str]:
    """Returns the visible text, without titles."""
    nodes = ElementTree.fromstring(svg).iter("text")
    return [
        (node.text or "") + "".join(title.tail or "" for title in node)
        for node in nodes
    ]


@pytest.mark.parametrize("name", DRAW)
def test_it_is_well_formed_and_says_what_it_shows(
    drawn: dict[str, Markup], name: str
) -> None:
    root = ElementTree.fromstring(drawn[name])
    assert root.tag == "svg"
    assert root.get("role") == "img"
    assert len(root.get("aria-label", "")) > 20
    width, height = map(float, root.get("viewBox", "").split()[2:])
    assert width == 360
    assert height > 0


@pytest.mark.parametrize("name", DRAW)
def test_its_colours_are_the_pages(drawn: dict[str, Markup], name: str) -> None:
    assert "var(--" in drawn[name]
    found = re.findall(r"(?:fill|stroke): ?(#[0-9a-f]+)", drawn[name])
    assert found == []


@pytest.mark.parametrize("name", DRAW)
def test_it_loads_nothing(drawn: dict[str, Markup], name: str) -> None:
    assert "http" not in re.sub(r' xmlns(:\w+)?="[^"]*"', "", drawn[name])


def test_what_is_defined_in_one_is_not_in_another(drawn: dict[str, Markup]) -> None:
    page = [
        drawn[name]
        for name in (
            *("class balance", "ink", "loss", "accuracy"),
            *("by class", "confusion", "reliability"),
        )
    ]
    ids = re.findall(r' id="([^"]+)"', "".join(page))
    assert ids
    assert len(ids) == len(set(ids))
    for svg in page:
        referred = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
        assert referred <= set(re.findall(r' id="([^"]+)"', svg))


def test_texts_are_texts(drawn: dict[str, Markup]) -> None:
    assert {"train", "eval", "test", "0", "9"} <= set(texts(drawn["class balance"]))
    assert {"loss", "val_loss", "epoch"} <= set(texts(drawn["loss"]))
    assert texts(drawn["confusion"]).count("91") == 10
    assert texts(drawn["confusion"]).count("1") == 90 + 2


def test_names_are_whole_in_the_title_and_cut_beside_the_plot(
    drawn: dict[str, Markup],
) -> None:
    for name in ("by class, long names", "confusion, long names"):
        root = ElementTree.fromstring(drawn[name])
        titles = [node.text for node in root.iter("title")]
        assert set(titles) == set(NAMES)
        cut = [title.tail for title in root.iter("title")]
        assert "tufted titmous\u2026" in cut
        assert "$x_1$ & <b>" in cut


def test_a_wide_letter_counts_twice() -> None:
    assert canvas.shortened("\u9ce5" * 7) == "\u9ce5" * 7
    assert canvas.shortened("\u9ce5" * 8) == "\u9ce5" * 7 + "\u2026"
    assert canvas.shortened("e\u0301" * 15) == "e\u0301" * 15


@pytest.mark.parametrize("name", ["balance of many", "ink of many", "by class, many"])
def test_of_many_classes_some_are_drawn_and_the_rest_is_counted(
    drawn: dict[str, Markup], name: str
) -> None:
    root = ElementTree.fromstring(drawn[name])
    titles = [node.text for node in root.iter("title")]
    assert len(titles) == class_figures.DRAWN_CLASSES
    assert "and 90 more" in texts(drawn[name])
    assert MANY.classes[0] in titles
    assert len(drawn[name]) < 60_000


def test_a_plot_is_as_high_as_it_has_classes() -> None:
    few = by_class(np.diag([9] * 4), SHAPES)
    heights = [
        float(ElementTree.fromstring(svg).get("viewBox", "").split()[3])
        for svg in (few, by_class(MATRIX))
    ]
    assert heights[0] < heights[1]


def test_the_champion_is_named_only_where_there_is_one(
    drawn: dict[str, Markup],
) -> None:
    assert {"champion", "bound"} <= set(texts(drawn["by class"]))
    assert not {"champion", "bound"} & set(texts(drawn["by class, alone"]))


def test_the_same_is_drawn_the_same(drawn: dict[str, Markup]) -> None:
    assert DRAW["loss"]() == drawn["loss"]


def test_nothing_of_the_process_is_changed() -> None:
    before = dict(matplotlib.rcParams)
    class_figures.ink(TASK, SAMPLED)
    assert dict(matplotlib.rcParams) == before


def test_a_mistakes_ink_is_its_share_of_the_worst() -> None:
    matrix = np.diag([80] * 10)
    matrix[3, 5], matrix[4, 9] = 20, 10
    svg = class_figures.confusion(TASK, matrix.tolist())
    inks = [
        float(ink)
        for ink in re.findall(r"fill: var\(--bad\); opacity: ([\d.]+)", svg)
        if float(ink)
    ]
    # 20 errors in 100 are the worst rate; 10 in 90 are 0.56 of it.
    assert sorted(inks) == pytest.approx([0.75 * (10 / 90) / 0.2, 0.75], abs=0.001)
