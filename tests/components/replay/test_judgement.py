"""A new model's answers to logged pictures may differ only so much from those given."""

import numpy as np
import pytest

from components.replay.judgement import AGREEMENT, SHARE_SHIFT, Bounds, judge
from contract.demands import OVERALL, Demand
from contract.task import Task

TASK = Task("scans", 8, 8, 1, ("cat", "dog", "owl"), "animal")
BOUNDS = Bounds(min_agreement=0.95, min_class_agreement=0.9, max_share_shift=0.02)


def judged(
    champion: np.ndarray, candidate: np.ndarray
) -> dict[tuple[str, str], Demand]:
    demands = judge(TASK, champion, candidate, BOUNDS)
    return {(demand.metric, demand.slice): demand for demand in demands}


def answers(*counts: int) -> np.ndarray:
    """Returns labels with these counts of each class."""
    return np.repeat(np.arange(len(counts)), counts)


def test_the_same_answers_pass_everything() -> None:
    found = judged(answers(400, 300, 300), answers(400, 300, 300))
    assert all(demand.passed for demand in found.values())
    assert found[AGREEMENT, OVERALL].value == 1.0
    assert found[SHARE_SHIFT, "cat"].value == 0.0


def test_what_is_answered_otherwise_too_often_is_refused() -> None:
    found = judged(answers(400, 300, 300), answers(300, 400, 300))
    overall, cats = found[AGREEMENT, OVERALL], found[AGREEMENT, "cat"]
    assert (overall.value, overall.refused) == (0.9, True)
    assert (cats.value, cats.refused) == (0.75, True)
    assert cats.detail == "100 of 400 pictures differ"
    assert found[AGREEMENT, "owl"].passed


def test_the_shares_of_the_answers_are_held_apart_from_the_answers() -> None:
    found = judged(answers(400, 300, 300), answers(300, 400, 300))
    assert found[SHARE_SHIFT, "cat"].value == pytest.approx(0.1)
    assert found[SHARE_SHIFT, "cat"].refused
    assert found[SHARE_SHIFT, "cat"].detail == "it was 0.4000 and is 0.3000"
    assert found[SHARE_SHIFT, "owl"].passed


def test_answers_that_trade_places_move_no_share() -> None:
    swapped = answers(500, 500)
    found = judged(answers(500, 500), np.concatenate([swapped[450:], swapped[:450]]))
    assert found[AGREEMENT, OVERALL].refused
    assert found[SHARE_SHIFT, "cat"].passed


def test_few_pictures_are_no_evidence() -> None:
    found = judged(answers(3, 3), np.array([0, 0, 1, 1, 1, 1]))
    assert found[AGREEMENT, "cat"].value == pytest.approx(2 / 3)
    assert all(demand.passed for demand in found.values())


def test_the_bound_comes_near_to_the_setting_with_many() -> None:
    found = judged(answers(100_000), answers(100_000))
    assert found[AGREEMENT, OVERALL].bound == pytest.approx(0.95, abs=0.003)


def test_a_class_that_nobody_answered_has_no_demand() -> None:
    found = judged(answers(10, 10), answers(10, 10))
    assert {of for _, of in found} == {OVERALL, "cat", "dog"}
