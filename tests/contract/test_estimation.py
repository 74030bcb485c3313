"""Estimated accuracy is correct where it is trusted, and else is not trusted."""

from dataclasses import replace

import numpy as np
import pytest

from contract.estimation import Counts, Estimate, estimate, of_counts
from contract.reliability import Reliability, measure

CLASSES = 5


def traffic(
    rows: int, seed: int, concentration: float = 0.15
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns answers of a network that is right as often as it says, and their labels.

    The lower the concentration, the higher the confidence. The novelty has no meaning.
    """
    chance = np.random.default_rng(seed)
    answers = chance.dirichlet([concentration] * CLASSES, rows)
    labels = (chance.random((rows, 1)) > np.cumsum(answers, axis=1)).sum(axis=1)
    return answers.astype(np.float32), np.minimum(labels, CLASSES - 1), novelty(rows)


def novelty(rows: int) -> np.ndarray:
    """Returns novelties spread evenly between 0 and 1."""
    return np.linspace(0, 1, rows, dtype=np.float32)


def overconfident(answers: np.ndarray) -> np.ndarray:
    powers = np.square(answers)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def reliability() -> Reliability:
    """The reliability of an overconfident network."""
    answers, labels, distances = traffic(10_000, seed=0)
    return measure(overconfident(answers), labels, distances)


def accuracy(answers: np.ndarray, labels: np.ndarray) -> float:
    return float((answers.argmax(axis=1) == labels).mean())


def test_the_interval_holds_the_accuracy_as_often_as_it_says(
    reliability: Reliability,
) -> None:
    held = 0
    for seed in range(1, 101):
        answers, labels, distances = traffic(4_000, seed)
        found = estimate(reliability, overconfident(answers), distances)
        assert found.trusted, found.reasons
        held += found.low <= accuracy(answers, labels) <= found.high
    assert held >= 90


def test_less_sure_answers_are_estimated_lower() -> None:
    reliability = measure(*traffic(10_000, seed=0))
    answers, labels, distances = traffic(5_000, 1, concentration=0.25)
    found = estimate(reliability, answers, distances)
    assert found.value < reliability.accuracy - 0.05
    assert found.value == pytest.approx(accuracy(answers, labels), abs=0.02)


def test_the_interval_knows_how_many_answers_and_how_many_held_rows_there_are(
    reliability: Reliability,
) -> None:
    few_held = measure(*traffic(300, seed=0))
    answers, _, _ = traffic(4_000, seed=1)

    def width(of: Reliability, rows: int) -> float:
        found = estimate(of, answers[:rows], novelty(rows))
        return found.high - found.low

    assert width(reliability, 1_000) > 1.5 * width(reliability, 4_000)
    assert width(few_held, 4_000) > 1.5 * width(reliability, 4_000)


def test_counts_of_parts_add_up_to_those_of_the_whole(
    reliability: Reliability,
) -> None:
    answers, _, distances = traffic(3_000, seed=1)
    parts = [
        Counts.of(reliability, answers[part], distances[part])
        for part in (slice(0, 10), slice(10, 3_000))
    ]
    assert of_counts(reliability, parts[0] + parts[1]) == estimate(
        reliability, answers, distances
    )


def judged(
    reliability: Reliability, answers: np.ndarray, distances: np.ndarray
) -> Estimate:
    found = estimate(reliability, overconfident(answers), distances)
    assert found.trusted is not bool(found.reasons)
    return found


def test_a_few_pictures_of_another_task_are_enough_not_to_trust_it(
    reliability: Reliability,
) -> None:
    answers, _, distances = traffic(5_000, seed=1)
    distances[:75] = 1.5
    found = judged(reliability, answers, distances)
    assert found.novel == pytest.approx(0.025, abs=0.001)
    assert found.reasons == (
        "2.5% of the pictures are not of this task, where false alarms would be 1%",
    )


def test_a_novelty_that_is_no_number_is_novel(reliability: Reliability) -> None:
    answers, _, distances = traffic(5_000, seed=1)
    distances[:500] = np.nan
    assert judged(reliability, answers, distances).novel > 0.1


def test_an_answer_that_is_no_number_is_worth_the_least(
    reliability: Reliability,
) -> None:
    answers, _, distances = traffic(2_000, seed=1)
    none = np.full_like(answers, np.nan)
    found = estimate(reliability, none, distances)
    assert found.value == reliability.right[0] / reliability.rows[0]
    assert not found.trusted


@pytest.mark.parametrize("power", [0.6, 1.5], ids=["nearer", "farther"])
def test_pictures_that_are_all_nearer_or_farther_are_of_another_kind(
    reliability: Reliability, power: float
) -> None:
    answers, _, distances = traffic(5_000, seed=1)
    (reason,) = judged(reliability, answers, distances ** (1 / power)).reasons
    assert reason.startswith("the novelty of the pictures has moved by 0.1")


def test_answers_that_are_much_less_sure_are_not_trusted(
    reliability: Reliability,
) -> None:
    answers, _, distances = traffic(5_000, seed=1, concentration=0.6)
    (reason,) = judged(reliability, answers, distances).reasons
    assert reason.startswith("the confidences have moved by 0.")


def test_answers_of_other_classes_are_not_trusted(reliability: Reliability) -> None:
    answers, _, _ = traffic(9_000, seed=1)
    first = answers[answers.argmax(axis=1) < 2]
    (reason,) = judged(reliability, first, novelty(len(first))).reasons
    assert reason.startswith("the shares of the classes have moved by 0.59")


def test_of_few_pictures_it_is_not_trusted_and_nothing_is_doubted(
    reliability: Reliability,
) -> None:
    answers, _, _ = traffic(500, seed=1)
    found = judged(reliability, answers, novelty(500))
    assert found.doubts == ()
    assert found.reasons == (
        "too few pictures, 500, or held-out rows, 10,000, to tell whether pictures of "
        "another kind are among them",
    )


def test_on_few_held_rows_it_is_not_trusted_either() -> None:
    few_held = measure(*traffic(200, seed=0))
    answers, _, distances = traffic(50_000, seed=1)
    assert not estimate(few_held, answers, distances).trusted


@pytest.mark.parametrize("rows", [500, 1_000, 2_000, 5_000, 20_000])
def test_pictures_of_another_task_are_seldom_overlooked_among_any_number(
    reliability: Reliability, rows: int
) -> None:
    """Their number shifts the accuracy by 0.03; three in ten are beyond the bound."""
    chance = np.random.default_rng(rows)
    # The held rows are spread evenly: a share of 0.01 is beyond the bound.
    novel = chance.binomial(rows, 0.963 * 0.01 + 0.037 * 0.3, size=1_000)
    answers, _, distances = traffic(rows, seed=1)
    counts = Counts.of(reliability, answers, distances)
    overlooked = sum(
        of_counts(reliability, replace(counts, novel=int(found))).trusted
        for found in novel
    )
    assert overlooked <= 60


def test_where_all_held_rows_were_right_the_estimate_is_1_but_not_certain() -> None:
    answers, _, distances = traffic(50, seed=0)
    perfect = measure(answers, answers.argmax(axis=1), distances)
    answers, _, distances = traffic(2_000, seed=1)
    found = estimate(perfect, answers, distances)
    assert found.value == found.high == 1
    assert found.low < 0.99
