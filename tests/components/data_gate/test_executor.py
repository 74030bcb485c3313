"""The gate stops the run, or records that a setting overruled it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts

from components.data_gate.executor import Executor
from contract.errors import GateRefusedError
from tests.components.datasets import Examples

Gate = Callable[..., Any]


@pytest.fixture
def gate(
    artifact: Callable[..., Any],
    store: Callable[..., Any],
    schema: schema_pb2.Schema,
) -> Gate:
    """Runs the executor on statistics; returns the verdict's artifact."""

    def gate(
        statistics: dict[str, Any],
        champion: dict[str, Any] | None = None,
        allow: bool = False,
        duplicates: int = 0,
    ) -> Any:
        written = artifact(standard_artifacts.Schema)
        text = text_format.MessageToString(schema)
        Path(written.uri, "schema.pbtxt").write_text(text)
        verdict = artifact(standard_artifacts.ExampleAnomalies)
        kind = standard_artifacts.ExampleStatistics
        Executor().Do(
            {
                "examples": [
                    artifact(
                        standard_artifacts.Examples,
                        counts=json.dumps({"train": 200, "eval": 200, "test": 200}),
                        test_rows_in_training=duplicates,
                    )
                ],
                "statistics": [store(kind, statistics)],
                "schema": [written],
                "anomalies": [store(standard_artifacts.ExampleAnomalies, statistics)],
                "champion_statistics": [
                    store(kind, champion, champion_version="1700000000")
                    if champion is not None
                    else store(kind, {}, champion_version="")
                ],
            },
            {"verdict": [verdict]},
            {"allow_anomalies": int(allow), "max_duplicates": 0.01},
        )
        return verdict

    return gate


@pytest.fixture(scope="session")
def clean(
    describe: Callable[[Examples], Any], make_examples: Callable[..., Examples]
) -> dict[str, Any]:
    return {split: describe(make_examples()) for split in ("train", "eval", "test")}


@pytest.fixture
def damaged(
    clean: dict[str, Any],
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
) -> dict[str, Any]:
    """Statistics with a label 10 in split eval, and a pixel 256 in split test."""
    label, pixel = make_examples(), make_examples()
    label[5].features.feature["label"].int64_list.value[0] = 10
    pixel[5].features.feature["image"].int64_list.value[400] = 256
    return {**clean, "eval": describe(label), "test": describe(pixel)}


LABEL_10 = (
    "split eval, feature label: Out-of-range values: Unexpectedly large value: 10."
)
PIXEL_256 = (
    "split test, feature image: Out-of-range values: Unexpectedly large value: 256."
)


def verdict_of(artifact: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(artifact.uri, "verdict.json").read_text())
    return content


def properties(artifact: Any) -> tuple[int, int]:
    get = artifact.get_int_custom_property
    return get("findings"), get("overridden")


def test_clean_data_pass(gate: Gate, clean: dict[str, Any]) -> None:
    verdict = gate(clean)
    assert properties(verdict) == (0, 0)
    assert verdict_of(verdict) == {
        "findings": [],
        "overridden": False,
        "compared_with_version": None,
    }


def test_bad_data_stop_the_run_with_every_reason(
    gate: Gate, damaged: dict[str, Any]
) -> None:
    with pytest.raises(GateRefusedError) as caught:
        gate(damaged)
    assert caught.value.gate == "DataGate"
    assert caught.value.reasons == [LABEL_10, PIXEL_256]
    assert str(caught.value) == f"DataGate refused: {LABEL_10}; {PIXEL_256}"


def test_a_refusal_leaves_no_verdict(
    gate: Gate, damaged: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(GateRefusedError):
        gate(damaged)
    assert list(tmp_path.rglob("verdict.json")) == []


def test_an_override_lets_it_pass_and_is_recorded(
    gate: Gate, damaged: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    verdict = gate(damaged, allow=True)
    assert properties(verdict) == (2, 1)
    content = verdict_of(verdict)
    assert content["overridden"] is True
    assert content["findings"] == [
        {
            "split": "eval",
            "feature": "label",
            "reason": "Out-of-range values: Unexpectedly large value: 10.",
        },
        {
            "split": "test",
            "feature": "image",
            "reason": "Out-of-range values: Unexpectedly large value: 256.",
        },
    ]
    assert f"DataGate overruled: {LABEL_10}" in caplog.messages


def test_an_override_of_nothing_is_none(gate: Gate, clean: dict[str, Any]) -> None:
    assert properties(gate(clean, allow=True)) == (0, 0)


def test_the_same_data_as_the_champions_pass(gate: Gate, clean: dict[str, Any]) -> None:
    verdict = gate(clean, champion=clean)
    assert verdict_of(verdict)["compared_with_version"] == "1700000000"


def test_drift_since_the_champion_stops_the_run(
    gate: Gate,
    clean: dict[str, Any],
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
) -> None:
    negatives = {"train": describe(make_examples(invert=True))}
    with pytest.raises(GateRefusedError) as caught:
        gate(clean, champion=negatives)
    (reason,) = caught.value.reasons
    assert reason.startswith(
        "split train, feature image: drifted since version 1700000000: High "
    )


def test_a_champion_without_statistics_is_no_reason_to_stop(
    gate: Gate, clean: dict[str, Any]
) -> None:
    assert verdict_of(gate(clean, champion={}))["findings"] == []


def test_test_images_from_the_training_part_stop_it(
    gate: Gate, clean: dict[str, Any]
) -> None:
    gate(clean, duplicates=2)
    with pytest.raises(GateRefusedError, match=r"exact duplicates: .* 3 of 200"):
        gate(clean, duplicates=3)
