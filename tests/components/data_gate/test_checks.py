"""The checks find damaged data, and find nothing in clean data."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow_data_validation as tfdv

from components.data_gate import checks
from components.data_gate.checks import Finding
from tests.components.datasets import Dataset, Examples

ROW = 5

Judge = Callable[..., list[Finding]]
Edit = Callable[[Examples], Any]


def values(example: Any, feature: str) -> Any:
    return example.features.feature[feature].int64_list.value


def in_one_row(edit: Callable[[Any], Any]) -> Edit:
    return lambda examples: edit(examples[ROW])


def in_all_rows(edit: Callable[[Any], Any]) -> Edit:
    return lambda examples: [edit(example) for example in examples]


def setting(feature: str, position: int, value: int) -> Edit:
    def edit(example: Any) -> None:
        values(example, feature)[position] = value

    return in_one_row(edit)


def scale(example: Any) -> None:
    """Writes pixels as floats in 0-1, a common convention."""
    scaled = [value / 255 for value in values(example, "image")]
    example.features.feature["image"].float_list.value.extend(scaled)


def write_label_as_text(example: Any) -> None:
    text = str(values(example, "label")[0]).encode()
    example.features.feature["label"].bytes_list.value.append(text)


def bound(schema: Any, feature: str, comparator: str, measure: str) -> str:
    """Returns a bound of the schema in TFDV's words."""
    (found,) = (entry for entry in schema.feature if entry.name == feature)
    return f"{getattr(getattr(found, comparator), measure).threshold:g}"


def dropping(feature: str) -> Callable[[Any], Any]:
    return lambda example: example.features.feature.pop(feature)


@pytest.fixture(scope="session")
def statistics(
    describe: Callable[[Examples], Any], make_examples: Callable[..., Examples]
) -> dict[str, Any]:
    """Statistics of three clean splits."""
    return {
        "train": describe(make_examples(range(600))),
        "eval": describe(make_examples(range(600, 1000))),
        "test": describe(make_examples(range(1000, 1400))),
    }


@pytest.fixture
def judge(schema: Any) -> Judge:
    """Returns all findings about a run, as the gate collects them."""

    def judge(
        statistics: Mapping[str, Any], previous: Mapping[str, Any] | None = None
    ) -> list[Finding]:
        anomalies = {
            split: tfdv.validate_statistics(of_split, schema)
            for split, of_split in statistics.items()
        }
        findings = checks.against_schema(anomalies, statistics)
        comparisons = list(checks.between_splits(statistics, schema, "train"))
        if previous is not None:
            comparisons += checks.since(statistics, schema, previous, "1700000000")
        return findings + [f for one in comparisons for f in one.findings()]

    return judge


def test_nothing_is_wrong_with_clean_data(
    judge: Judge, statistics: dict[str, Any]
) -> None:
    assert judge(statistics) == []


def test_nothing_has_drifted_between_runs_on_the_same_data(
    judge: Judge, statistics: dict[str, Any]
) -> None:
    assert judge(statistics, previous=statistics) == []


# One bad row in 200; it changes no distribution noticeably.
DAMAGES: dict[str, tuple[Edit, str, str]] = {
    "pixel 256": (
        setting("image", 3, 256),
        "image",
        "Out-of-range values: Unexpectedly large value: 256.",
    ),
    "pixel -1": (
        setting("image", 3, -1),
        "image",
        "Out-of-range values: Unexpectedly small value: -1.",
    ),
    "783 pixels": (
        in_all_rows(lambda example: values(example, "image").pop()),
        "image",
        "Feature shape dropped: The feature has fixed value length 783 but",
    ),
    "785 pixels": (
        in_all_rows(lambda example: values(example, "image").append(0)),
        "image",
        "Feature shape dropped: The feature has fixed value length 785 but",
    ),
    "one short row": (
        in_one_row(lambda example: values(example, "image").pop()),
        "image",
        "Feature shape dropped: The feature has a shape, but",
    ),
    "images as floats": (
        in_all_rows(scale),
        "image",
        "Unexpected data type: Expected data of type: INT but got FLOAT",
    ),
    "no images": (
        in_all_rows(dropping("image")),
        "image",
        "Column dropped: Column is completely missing",
    ),
    "label 10": (
        setting("label", 0, 10),
        "label",
        "Out-of-range values: Unexpectedly large value: 10.",
    ),
    "label -1": (
        setting("label", 0, -1),
        "label",
        "Out-of-range values: Unexpectedly small value: -1.",
    ),
    "a missing label": (
        in_one_row(dropping("label")),
        "label",
        "Column dropped: The feature was present in fewer examples than expected",
    ),
    "two labels": (
        in_one_row(lambda example: values(example, "label").append(3)),
        "label",
        "Feature shape dropped: The feature has a shape, but",
    ),
    "no labels": (
        in_all_rows(dropping("label")),
        "label",
        "Column dropped: Column is completely missing",
    ),
    "labels as text": (
        in_all_rows(write_label_as_text),
        "label",
        "Unexpected data type: Expected data of type: INT but got STRING",
    ),
    "an unknown feature": (
        in_all_rows(lambda example: values(example, "writer").append(7)),
        "writer",
        "New column: New column (column in data but not in schema)",
    ),
    "an unknown feature in one row": (
        in_one_row(lambda example: values(example, "writer").append(7)),
        "writer",
        "New column: New column (column in data but not in schema)",
    ),
}


@pytest.mark.parametrize(
    ("damage", "feature", "reason"), DAMAGES.values(), ids=list(DAMAGES)
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_what_the_schema_forbids_is_found_in_every_split(
    judge: Judge,
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
    split: str,
    damage: Edit,
    feature: str,
    reason: str,
) -> None:
    examples = make_examples()
    clean = describe(examples)
    damage(examples)
    splits = {"train": clean, "eval": clean, "test": clean, split: describe(examples)}
    first, *others = judge(splits, previous={"train": clean, "test": clean})
    assert (first.split, first.feature) == (split, feature)
    assert reason in first.reason
    # All further findings are about the distribution of the same feature.
    assert {finding.feature for finding in others} <= {feature}


def test_one_cause_is_one_finding(
    judge: Judge,
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
) -> None:
    examples = make_examples()
    clean = describe(examples)
    in_all_rows(dropping("label"))(examples)
    splits = {"train": clean, "eval": describe(examples)}
    assert judge(splits, previous={"train": clean, "eval": clean}) == [
        Finding("eval", "label", "Column dropped: Column is completely missing")
    ]


def test_several_causes_are_several_findings(
    judge: Judge,
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
) -> None:
    examples = make_examples()
    setting("image", 3, 256)(examples)
    setting("label", 0, 10)(examples)
    assert [(f.split, f.feature) for f in judge({"train": describe(examples)})] == [
        ("train", "image"),
        ("train", "label"),
    ]


@pytest.mark.parametrize("split", ["train", "eval", "test"])
def test_an_empty_split_is_found(
    judge: Judge,
    describe: Callable[[Examples], Any],
    statistics: dict[str, Any],
    split: str,
) -> None:
    first, *_ = judge({**statistics, split: describe([])})
    assert first == Finding(
        split, "(data set)", "no examples: expected at least 1, found 0"
    )


def test_a_digit_that_one_split_lacks_is_found(
    judge: Judge,
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
    all_digits: Dataset,
    statistics: dict[str, Any],
) -> None:
    without_ones = [row for row in range(1400) if all_digits.train_labels[row] != 1]
    (finding,) = judge(
        {**statistics, "eval": describe(make_examples(without_ones[:400]))}
    )
    assert (finding.split, finding.feature) == ("eval", "label")
    assert finding.reason.startswith("differs from split train: High Linfty distance")
    assert "The feature value with maximum difference is: 1 " in finding.reason
    assert "the skew_comparator of feature label in the schema" in finding.reason
    assert "with this number of rows, chance alone gives 0.0" in finding.reason


def test_a_skew_that_chance_makes_is_none(
    judge: Judge,
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
    all_digits: Dataset,
) -> None:
    """With 100 rows, a share of a class may differ by more than 0.05 by chance."""
    labels = all_digits.train_labels
    fewer = [row for row in range(500) if labels[row] != 1 or row % 4 == 0][:100]
    statistics = {
        "train": describe(make_examples(range(500, 900))),
        "eval": describe(make_examples(fewer)),
    }
    shares = [np.mean(labels[rows] == 1) for rows in (range(500, 900), fewer)]
    assert shares[0] - shares[1] > 0.05
    assert judge(statistics) == []


def test_the_train_split_is_what_the_others_are_held_to(
    judge: Judge,
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
    all_digits: Dataset,
    statistics: dict[str, Any],
) -> None:
    ones_last = sorted(range(1000), key=lambda row: all_digits.train_labels[row] == 1)
    skewed = describe(make_examples(ones_last[:600]))
    findings = judge({**statistics, "train": skewed})
    assert [finding.split for finding in findings] == ["eval", "test"]


def test_labels_that_drifted_since_the_last_push_are_found(
    judge: Judge,
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
    all_digits: Dataset,
    statistics: dict[str, Any],
) -> None:
    without_ones = [row for row in range(600) if all_digits.train_labels[row] != 1]
    previous = {**statistics, "train": describe(make_examples(without_ones))}
    (finding,) = judge(statistics, previous=previous)
    assert (finding.split, finding.feature) == ("train", "label")
    assert finding.reason.startswith(
        "drifted since version 1700000000: High Linfty distance between current and "
        "previous"
    )


def test_pixels_that_drifted_since_the_last_push_are_found(
    judge: Judge,
    schema: Any,
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
) -> None:
    negatives = {"train": describe(make_examples(invert=True))}
    positives = {"train": describe(make_examples())}
    (finding,) = judge(negatives, previous=positives)
    assert (finding.split, finding.feature) == ("train", "image")
    assert finding.reason.startswith(
        "drifted since version 1700000000: High approximate Jensen-Shannon divergence"
    )
    allowed = bound(schema, "image", "drift_comparator", "jensen_shannon_divergence")
    assert f"above the threshold {allowed}." in finding.reason
    assert "the drift_comparator of feature image in the schema" in finding.reason


def test_a_split_that_the_last_push_did_not_have_cannot_have_drifted(
    judge: Judge, statistics: dict[str, Any]
) -> None:
    assert judge(statistics, previous={"train": statistics["train"]}) == []


def test_a_finding_reads_as_one_line() -> None:
    finding = Finding("eval", "label", "Out-of-range values: found 10")
    assert str(finding) == ("split eval, feature label: Out-of-range values: found 10")
