"""The sums of Beam's workers do not depend on bundles or their order."""

from typing import Any

import numpy as np
import pytest
import tensorflow_model_analysis as tfma

from components.evaluator.tfma_metrics import Measured
from contract.errors import BadInputError
from contract.metric import Metric
from pipeline.metrics import OFFERED

ROWS = 60
RNG = np.random.default_rng(5)
LABELS = RNG.integers(0, 4, ROWS)
ANSWERS = RNG.dirichlet(np.ones(4), ROWS).astype(np.float32)

WITH_PROBABILITIES = [
    name for name, kind in OFFERED.items() if kind().needs_probabilities
]


def path_of(name: str) -> str:
    kind = OFFERED[name]
    return f"{kind.__module__}.{kind.__name__}"


def combiner(name: str) -> tuple[Any, Any]:
    """Returns the accumulator, and the function that computes the metric from it."""
    sums, derived = Measured(name, path_of(name)).computations(
        eval_config=None, model_names=[""], output_names=[""]
    )
    return sums, derived


def element(row: int) -> Any:
    return tfma.metrics.StandardMetricInputs(
        labels=LABELS[row : row + 1], predictions=ANSWERS[row], example_weights=None
    )


def measured(name: str, bundles: list[list[int]]) -> dict[Any, float]:
    """Sums each bundle, merges the sums in pairs, and computes the metric."""
    sums, derived = combiner(name)
    parts = []
    for bundle in bundles:
        part = sums.combiner.create_accumulator()
        for row in bundle:
            part = sums.combiner.add_input(part, element(row))
        parts.append(part)
    while len(parts) > 1:
        parts = [
            sums.combiner.merge_accumulators(parts[i : i + 2])
            for i in range(0, len(parts), 2)
        ]
    found: dict[Any, float] = derived.result(sums.combiner.extract_output(parts[0]))
    return {
        None if key.sub_key is None else key.sub_key.class_id: value
        for key, value in found.items()
    }


@pytest.mark.parametrize("name", WITH_PROBABILITIES)
def test_bundles_come_to_the_same(name: str) -> None:
    whole = measured(name, [list(range(ROWS))])
    order = RNG.permutation(ROWS).tolist()
    parts = measured(name, [order[:1], order[1:20], [], order[20:23], order[23:]])
    assert whole.keys() == parts.keys() == {None, 0, 1, 2, 3}
    for label, value in whole.items():
        assert parts[label] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", WITH_PROBABILITIES)
def test_the_sum_is_the_metric_of_all_rows_at_once(name: str) -> None:
    metric: Metric = OFFERED[name]()
    found = measured(name, [list(range(ROWS))])
    for label in (None, 0, 1, 2, 3):
        rows = np.arange(ROWS) if label is None else np.flatnonzero(label == LABELS)
        added = metric.per_row(LABELS[rows], ANSWERS[rows]).sum(axis=0)
        assert found[label] == pytest.approx(metric.of_sums(added, len(rows)))


def test_merging_leaves_what_it_merged_as_it_was() -> None:
    """Beam may merge an accumulator more than once."""
    sums, _ = combiner("log_loss")
    one = sums.combiner.add_input(sums.combiner.create_accumulator(), element(0))
    before = {label: (rows, added.copy()) for label, (rows, added) in one.items()}
    for _ in range(2):
        sums.combiner.merge_accumulators([one, one])
    assert one.keys() == before.keys()
    for label, (rows, added) in before.items():
        assert one[label][0] == rows
        np.testing.assert_array_equal(one[label][1], added)


class Shape(Metric):
    """Number of classes in the confusion matrix."""

    by_class = False

    def of_confusion(self, confusion: np.ndarray) -> float:
        assert confusion.shape == (len(confusion), len(confusion) + 1)
        return float(len(confusion))


class Faulty(Metric):
    """Fails for each row."""

    def per_row(self, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        return probabilities[:, 9]


def test_a_class_without_rows_and_answers_is_in_the_confusion_matrix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(OFFERED, "shape", Shape)
    [row] = [r for r in range(ROWS) if LABELS[r] < 3 and ANSWERS[r].argmax() < 3][:1]
    assert measured("shape", [[row], [row]]) == {None: 4.0}


def test_a_metric_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OFFERED, "faulty", Faulty)
    where = rf"^gates.metrics: {path_of('faulty')}: IndexError: .*, line \d+\)$"
    with pytest.raises(BadInputError, match=where):
        measured("faulty", [[0]])


def test_of_no_rows_there_is_no_number() -> None:
    assert measured("log_loss", [[]]) == {}
