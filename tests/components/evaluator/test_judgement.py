"""Decisions from numbers: pure, in decimal arithmetic, with inclusive bounds."""

import pytest

from components.evaluator.judgement import Champion, ChampionRule, judge
from contract.bounds import BY_CLASS, Bound
from contract.demands import AT_LEAST, AT_MOST, Demand
from contract.task import Task

TASK = Task("shapes", 12, 16, 3, ("disc", "square"), "shape")
RULE = ChampionRule(0.1)


def judged(
    bound: Bound,
    candidate: dict[int | None, float],
    champion: dict[int | None, float] | None = None,
    direction: str = AT_LEAST,
    then: float | None = None,
    rule: ChampionRule = RULE,
) -> list[Demand]:
    return judge(
        TASK,
        [bound],
        {bound.name: direction},
        {(bound.name, label): value for label, value in candidate.items()},
        None
        if champion is None
        else Champion({(bound.name, k): v for k, v in champion.items()}, then),
        rule,
    )


@pytest.mark.parametrize(
    ("value", "champion", "loss", "passed"),
    [
        # 0.945 - 0.950 is -0.0050000000000000044 in binary floating point.
        (0.945, 0.950, 0.005, True),
        (0.9449, 0.950, 0.005, False),
        (0.95, 0.95, 0.0, True),
        (0.949, 0.95, 0.0, False),
        (0.96, 0.95, 0.0, True),
    ],
)
def test_a_loss_of_exactly_what_is_allowed_is_allowed(
    value: float, champion: float, loss: float, passed: bool
) -> None:
    bound = Bound("accuracy", "", max_champion_loss=loss)
    [change] = judged(bound, {None: value}, {None: champion})
    assert (change.metric, change.passed) == ("accuracy_change", passed)


@pytest.mark.parametrize(
    ("value", "passed"), [(0.30, True), (0.35, True), (0.351, False)]
)
def test_where_less_is_better_the_bound_is_above(value: float, passed: bool) -> None:
    bound = Bound("log_loss", "", bound=0.35)
    [demand] = judged(bound, {None: value}, direction=AT_MOST)
    assert (demand.direction, demand.passed) == (AT_MOST, passed)


def test_a_bound_by_class_names_the_classes_of_the_task() -> None:
    bound = Bound("accuracy", "", bound=0.9, slices=BY_CLASS)
    found = judged(bound, {None: 0.5, 0: 0.95, 1: 0.8})
    assert [(d.slice, d.value, d.passed) for d in found] == [
        ("disc", 0.95, True),
        ("square", 0.8, False),
    ]


def test_a_class_without_rows_fails_where_something_is_asked_of_it() -> None:
    asked = Bound("accuracy", "", bound=0.1, slices=BY_CLASS)
    [_, missing] = judged(asked, {0: 1.0})
    assert (missing.value, missing.refused) == (None, True)
    assert missing.detail == "no shape of it in the test split"
    nothing = Bound("accuracy", "", bound=0.0, slices=BY_CLASS)
    assert judged(nothing, {0: 1.0})[1].passed


def test_what_came_to_no_number_is_refused() -> None:
    bound = Bound("log_loss", "", bound=0.5, max_champion_loss=0.1)
    found = judged(bound, {}, {None: 0.2}, AT_MOST)
    assert [(d.metric, d.value, d.refused) for d in found] == [
        ("log_loss", None, True),
        ("log_loss_change", None, True),
    ]


def test_a_metric_that_the_champion_has_not_is_not_compared() -> None:
    bound = Bound("accuracy", "", max_champion_loss=0.1)
    assert judged(bound, {None: 0.9}, {}) == []


class TestChampionsFall:
    BOUND = Bound("accuracy", "", bound=0.5)

    @pytest.mark.parametrize(("now", "passed"), [(0.85, True), (0.8499, False)])
    def test_is_held_to_its_accuracy_when_it_was_pushed(
        self, now: float, passed: bool
    ) -> None:
        *_, fall = judged(self.BOUND, {None: 0.9}, {None: now}, then=0.95)
        assert (fall.metric, fall.bound) == ("champion_accuracy_change", -0.1)
        assert (fall.champion, fall.passed) == (now, passed)

    def test_a_gain_is_no_fall(self) -> None:
        *_, fall = judged(self.BOUND, {None: 0.9}, {None: 0.99}, then=0.95)
        assert (fall.passed, fall.detail) == (True, "")

    def test_is_overruled_only_where_it_fell(self) -> None:
        rule = ChampionRule(0.1, overruled=True)
        *_, fall = judged(self.BOUND, {None: 0.9}, {None: 0.2}, then=0.95, rule=rule)
        assert (fall.overruled, fall.refused) == (True, False)
        *_, none = judged(self.BOUND, {None: 0.9}, {None: 0.94}, then=0.95, rule=rule)
        assert (none.overruled, none.passed) == (False, True)

    def test_says_nothing_where_its_accuracy_was_not_kept(self) -> None:
        [only] = judged(self.BOUND, {None: 0.9}, {None: 0.2})
        assert only.metric == "accuracy"
