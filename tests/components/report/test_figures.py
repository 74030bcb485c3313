"""The plots: SVG of the page's own colours, whatever there is to draw."""

import math
import re
from collections.abc import Callable
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from markupsafe import Markup

from components.report import figures
from components.report.data import Sampled, Split
from components.report.evaluation import calibrate, describe_digits
from components.report.model import Epoch
from contract.demands import GateResult

NONE = (0,) * 10
SPLITS = (
    Split("train", 100, (10,) * 10, 0, None),
    Split("eval", 20, (20, *NONE[1:]), 0, None),
    Split("test", 0, NONE, 0, None),
)
SAMPLED = Sampled("train", 100, (10,) * 9 + (0,), (0.2,) * 9 + (None,))
EPOCHS = [Epoch(n, 1 / n, 1 - 1 / (n + 1), 1 / n + n / 40, 0.9) for n in range(1, 26)]
ALL_NAN = [Epoch(1, 0.5, 0.5, math.nan, math.nan), Epoch(2, 0.4, 0.6, math.nan, 0.1)]

MATRIX = np.diag([90] * 10) + 1
CHAMPIONS = {
    f"digit {digit}": GateResult("Evaluator", "", "0.9", "", "0.95", True)
    for digit in range(10)
}
DIGITS = describe_digits(MATRIX, CHAMPIONS, 0.93)
PROBABILITIES = np.random.default_rng(1).dirichlet([0.2] * 10, 200)
CALIBRATION = calibrate(PROBABILITIES.argmax(axis=1), PROBABILITIES)

DRAW: dict[str, Callable[[], Markup]] = {
    "class balance": lambda: figures.class_balance(SPLITS),
    "no splits": lambda: figures.class_balance(()),
    "ink": lambda: figures.ink(SAMPLED),
    "no ink at all": lambda: figures.ink(Sampled("train", 0, NONE, (None,) * 10)),
    "loss": lambda: figures.course(EPOCHS, "loss", 3),
    "accuracy": lambda: figures.course(EPOCHS, "accuracy", 20),
    "one epoch": lambda: figures.course(EPOCHS[:1], "loss", 1),
    "no numbers": lambda: figures.course(ALL_NAN, "loss", None),
    "by digit": lambda: figures.by_digit(DIGITS),
    "by digit, alone": lambda: figures.by_digit(describe_digits(MATRIX, {}, 0.9)),
    "by digit, all right": lambda: figures.by_digit(
        describe_digits(np.diag([9] * 10), {}, 1.0)
    ),
    "by digit, none": lambda: figures.by_digit(
        describe_digits(np.zeros((10, 10), int), {}, 1.0)
    ),
    "confusion": lambda: figures.confusion(MATRIX.tolist()),
    "no confusion": lambda: figures.confusion(np.diag([9] * 10).tolist()),
    "nothing asked": lambda: figures.confusion(np.zeros((10, 10), int).tolist()),
    "reliability": lambda: figures.reliability(CALIBRATION),
    "no answers": lambda: figures.reliability(
        calibrate(np.array([], int), np.empty((0, 10)))
    ),
}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Markup]:
    return {name: draw() for name, draw in DRAW.items()}


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter("text")]


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
            *("by digit", "confusion", "reliability"),
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


def test_the_champion_is_named_only_where_there_is_one(
    drawn: dict[str, Markup],
) -> None:
    assert {"champion", "bound"} <= set(texts(drawn["by digit"]))
    assert not {"champion", "bound"} & set(texts(drawn["by digit, alone"]))


def test_the_same_is_drawn_the_same(drawn: dict[str, Markup]) -> None:
    assert DRAW["loss"]() == drawn["loss"]


def test_nothing_of_the_process_is_changed() -> None:
    before = dict(matplotlib.rcParams)
    figures.ink(SAMPLED)
    assert dict(matplotlib.rcParams) == before


def test_a_mistakes_ink_is_its_share_of_the_worst() -> None:
    matrix = np.diag([80] * 10)
    matrix[3, 5], matrix[4, 9] = 20, 10
    svg = figures.confusion(matrix.tolist())
    inks = [
        float(ink)
        for ink in re.findall(r"fill: var\(--bad\); opacity: ([\d.]+)", svg)
        if float(ink)
    ]
    # 20 of 100 is the worst; 10 of 90 is 0.56 of that.
    assert sorted(inks) == pytest.approx([0.75 * (10 / 90) / 0.2, 0.75], abs=0.001)
