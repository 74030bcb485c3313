"""Overfitting is found by the rule that the page states."""

import math
from collections.abc import Sequence

import pytest

from components.report.model import Epoch, describe_model, find_overfitting
from components.report.sections import model_section
from tests.components.report.conftest import HISTORY, SUMMARY

NAN = math.nan


def epochs(loss: Sequence[float], val_loss: Sequence[float]) -> list[Epoch]:
    return [
        Epoch(number, a, 0.5, b, 0.5)
        for number, (a, b) in enumerate(zip(loss, val_loss, strict=True), 1)
    ]


@pytest.mark.parametrize(
    ("loss", "val_loss", "turning_point", "sets_in", "rise"),
    [
        ([0.8, 0.4, 0.2, 0.1], [0.5, 0.25, 0.3, 0.4], 2, True, 0.6),
        ([0.8, 0.4, 0.2], [0.5, 0.4, 0.3], 3, False, 0.0),
        ([0.8, 0.4, 0.5], [0.5, 0.3, 0.4], 2, False, 1 / 3),
        ([0.8, 0.4, 0.2], [0.5, 0.3, 0.3], 2, False, 0.0),
        ([0.8], [0.5], 1, False, None),
        ([0.8, 0.4, 0.2], [0.5, 0.25, NAN], 2, False, 0.0),
        ([0.8, 0.4, 0.2, 0.1], [NAN, 0.25, NAN, 0.5], 2, True, 1.0),
        ([0.8, 0.4], [NAN, NAN], None, False, None),
        ([0.1, 0.0], [0.0, 0.1], 1, True, None),
    ],
    ids=[
        "rises since the second",
        "still falling",
        "both rise: no overfitting",
        "stays where it was",
        "one epoch",
        "ends in no number",
        "gaps",
        "no number at all",
        "a lowest loss of nothing",
    ],
)
def test_the_rule(
    loss: Sequence[float],
    val_loss: Sequence[float],
    turning_point: int | None,
    sets_in: bool,
    rise: float | None,
) -> None:
    found = find_overfitting(epochs(loss, val_loss))
    assert (found.turning_point, found.sets_in) == (turning_point, sets_in)
    assert found.val_loss_rise == (None if rise is None else pytest.approx(rise))


def test_the_sentence_has_the_numbers() -> None:
    found = find_overfitting(epochs([0.8, 0.4, 0.2, 0.1], [0.5, 0.25, 0.3, 0.4]))
    assert found.reason == (
        "Sets in after epoch 2: from there the training loss fell on from 0.4000 to "
        "0.1000 while the validation loss rose from 0.2500 to 0.4000 (+60%)."
    )


def test_the_first_of_equals_is_the_turning_point() -> None:
    found = find_overfitting(epochs([0.3, 0.2, 0.1], [0.2, 0.2, 0.4]))
    assert found.turning_point == 1


def test_the_facts_are_those_of_the_files() -> None:
    facts = describe_model(HISTORY, SUMMARY)
    assert facts.parameters == 7850
    assert facts.optimizer == "Adam"
    assert facts.settings == SUMMARY["training"]
    assert facts.layers[1]["name"] == "probabilities"
    assert facts.layers[1]["parameters"] == 7850
    assert [epoch.val_loss for epoch in facts.epochs] == [0.5, 0.25, 0.3, 0.4]
    assert facts.overfitting.turning_point == 2


def test_the_epoch_that_was_kept_is_told_where_the_training_says_it() -> None:
    kept = {"epoch": 2, "why": "the lowest validation loss"}
    facts = describe_model(HISTORY, {**SUMMARY, "kept": kept})
    assert facts.kept == kept
    text = model_section(facts).html
    assert "the weights after epoch 2 were kept: the lowest validation loss" in text


def test_of_weights_nothing_is_said_that_the_training_does_not_say() -> None:
    facts = describe_model(HISTORY, SUMMARY)
    assert facts.kept is None
    assert "weights after epoch" not in model_section(facts).html
