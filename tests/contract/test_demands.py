"""A demand has numbers; its verdict and its text follow from them."""

import math

import pytest

from contract.demands import (
    AT_LEAST,
    AT_MOST,
    Demand,
    change,
    holds,
    number,
    value_text,
)

MET = Demand("Evaluator", "accuracy", "", 0.98, 0.97, AT_LEAST, 0.975, passed=True)
FAILED = Demand("Evaluator", "macro_f1", "ring", 0.5, 0.9, AT_LEAST)


@pytest.mark.parametrize(
    ("value", "bound", "direction", "expected"),
    [
        (0.97, 0.97, AT_LEAST, True),
        (0.9699999, 0.97, AT_LEAST, False),
        (change(0.945, 0.950), -0.005, AT_LEAST, True),
        (0.945 - 0.950, -0.005, AT_LEAST, False),
        (0.1 + 0.2, 0.3, AT_MOST, False),
        (0.3, 0.3, AT_MOST, True),
        (math.nan, 0.0, AT_LEAST, False),
        (math.inf, 0.0, AT_LEAST, False),
        (None, 0.0, AT_LEAST, False),
    ],
)
def test_a_bound_is_inclusive_and_decimal(
    value: float | None, bound: float, direction: str, expected: bool
) -> None:
    assert holds(value, bound, direction) is expected


def test_only_what_failed_and_was_not_overruled_is_refused() -> None:
    assert not MET.refused
    assert FAILED.refused
    overruled = Demand.from_dict({**FAILED.as_dict(), "overruled": True})
    assert not overruled.refused
    assert not overruled.passed


def test_it_travels_as_numbers() -> None:
    content = FAILED.as_dict()
    assert (content["value"], content["bound"], content["champion"]) == (0.5, 0.9, None)
    assert content["refused"] is True
    assert Demand.from_dict({**content, "of_a_later_version": 1}) == FAILED


def test_a_refusal_reads_as_expected_and_found() -> None:
    assert str(FAILED) == "Evaluator: macro f1 ring: expected ≥ 0.9, found 0.5000"
    assert str(MET) == (
        "Evaluator: accuracy: expected ≥ 0.97, found 0.9800, champion 0.9750"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (0, "0"),
        (1, "1"),
        (12, "12"),
        (2.0, "2.0000"),
        (0.97654, "0.9765"),
    ],
)
def test_counts_have_no_decimals(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "bound", "direction", "text"),
    [
        (0.9699999, 0.97, AT_LEAST, "0.9699999"),
        (0.97, 0.97, AT_LEAST, "0.9700"),
        (-0.00004, 0.0, AT_LEAST, "-0.00004"),
        (0.30000000000000004, 0.3, AT_MOST, "0.30000000000000004"),
        (0.98765, 0.97, AT_LEAST, "0.9877"),
        (1, 0, AT_MOST, "1"),
        (None, 0.0, AT_MOST, "none"),
        (math.nan, 0.0, AT_MOST, "nan"),
    ],
)
def test_a_value_is_never_rounded_across_its_bound(
    value: float | None, bound: float, direction: str, text: str
) -> None:
    assert value_text(Demand("Evaluator", "m", "", value, bound, direction)) == text
