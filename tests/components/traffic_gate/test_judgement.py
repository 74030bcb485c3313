"""A change of traffic is a finding only if the number of rows supports it."""

from dataclasses import replace

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.image_example_gen import digits
from components.traffic_gate import judgement
from components.traffic_gate.facts import Truth
from contract.estimation import Estimate

BOUNDS = judgement.Bounds(max_novel_share=0.03, max_accuracy_fall=0.05)

ESTIMATE = Estimate(
    *(0.97, 0.96, 0.98), rows=2000, novel=0.01, trusted=True, doubts=(), reasons=()
)


def of_truth(rows: int, right: int, pushed: float = 0.96) -> bool:
    truth = Truth((rows, 0), (right, 0))
    return judgement.of_truth(truth, pushed, BOUNDS).passed


class TestShares:
    def changed(self, rows: int, more: int, schema: schema_pb2.Schema) -> list[str]:
        """Returns the findings if class 3 is answered more often."""
        answered = np.full(10, rows // 10)
        answered[3] += more
        found = judgement.shares(answered, np.full(10, 5000), schema)
        demands = judgement.of_shares(found, digits.TASK)
        return [demand.slice for demand in demands if not demand.passed]

    def test_a_class_that_is_answered_more_often(
        self, schema: schema_pb2.Schema
    ) -> None:
        assert self.changed(1000, 100, schema) == ["3"]
        assert self.changed(1000, 10, schema) == []

    def test_of_few_rows_the_same_is_chance(self, schema: schema_pb2.Schema) -> None:
        assert self.changed(50, 5, schema) == []

    def test_a_schema_without_that_bound_allows_any(
        self, schema: schema_pb2.Schema
    ) -> None:
        free = schema_pb2.Schema()
        free.CopyFrom(schema)
        [label] = [feature for feature in free.feature if feature.name == "label"]
        label.ClearField("drift_comparator")
        assert self.changed(1000, 1000, free) == []


class TestEstimate:
    def found(self, estimate: Estimate) -> dict[str, float | None]:
        demands = judgement.of_estimate(estimate, 0.98, BOUNDS)
        return {demand.metric: demand.value for demand in demands if not demand.passed}

    def test_nothing(self) -> None:
        assert self.found(ESTIMATE) == {}

    def test_an_accuracy_far_below_that_of_the_held_rows(self) -> None:
        fallen = replace(ESTIMATE, value=0.929, low=0.929)
        assert self.found(fallen) == {"estimated_accuracy": 0.929}
        assert self.found(replace(fallen, low=0.927)) == {}

    def test_of_too_few_pictures_it_is_held_all_the_same(self) -> None:
        few = replace(ESTIMATE, trusted=False, reasons=("too few",))
        assert self.found(replace(few, value=0.8, low=0.78)) == {
            "estimated_accuracy": 0.8
        }

    def test_too_many_novel_pictures_for_chance(self) -> None:
        assert self.found(replace(ESTIMATE, novel=0.05)) == {"novel_share": 0.05}
        assert self.found(replace(ESTIMATE, novel=0.035)) == {}

    def test_reasons_against_it_are_found_and_its_value_is_not_judged(self) -> None:
        doubted = replace(ESTIMATE, value=0.1, trusted=False, doubts=("it moved",))
        assert self.found(doubted) == {"estimate_doubts": 1}

    def test_too_few_pictures_are_no_finding(self) -> None:
        few = replace(ESTIMATE, rows=20, trusted=False, reasons=("too few",))
        assert self.found(few) == {}


@pytest.mark.parametrize(
    ("rows", "right", "passed"),
    # With 0.91 expected, chance sometimes makes half of 10 answers wrong.
    [(10, 5, True), (10, 3, False), (1000, 890, True), (1000, 850, False)],
)
def test_the_true_accuracy_is_held_to_what_chance_allows(
    rows: int, right: int, passed: bool
) -> None:
    assert of_truth(rows, right) == passed
