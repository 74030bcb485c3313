"""The card shows the manifest's facts in the paper's sections, and nothing else."""

import re
from typing import Any

import pytest

from contract.demands import AT_LEAST, Demand
from contract.task import Task
from version_store.manifest import (
    ClassMetrics,
    LockFile,
    Manifest,
    Metrics,
    Overrides,
    RolledBack,
    SplitStatistics,
)
from version_store.model_card import render

LETTERS = Task("letters", 28, 20, 1, tuple("abcdefghijklmnopqrstuvwxyz"), "letter", 255)

KNOWN: dict[str, Any] = {
    "version": 17,
    "model": "scans",
    "run": "scans-1",
    "champion": "16",
    "task": LETTERS.as_dict(),
    "data_source": "data set from a folder",
    "data_fingerprint": "f" * 64,
    "counts": {"train": 48_000, "eval": 12_000, "test": 10_000},
    "statistics": {
        "test": SplitStatistics(examples=10_000, labels={"0": 980}, image_mean=33.79),
        "train": SplitStatistics(examples=48_000, labels={"0": 4729, "1": 5470}),
    },
    "training": {"epochs": 3, "hidden_units": [128, 32]},
    "metrics": Metrics(
        test_accuracy=0.9791,
        champion_accuracy=0.97,
        classes={"0": ClassMetrics(accuracy=0.99, examples=980, champion=0.98)},
    ),
    "gates": [
        Demand("Evaluator", "accuracy", "", 0.9791, 0.97, AT_LEAST, 0.97, passed=True)
    ],
    "overrides": Overrides(allow_anomalies=False, findings=[]),
    "commit": "c0ffee",
    "tree_clean": False,
    "lock": LockFile(name="compat", digest="d" * 64),
}


def sections(text: str) -> dict[str, str]:
    """Returns the card's sections by title."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture
def card() -> dict[str, str]:
    return sections(render(Manifest(**KNOWN)))


def test_the_sections_are_the_papers(card: dict[str, str]) -> None:
    assert list(card) == [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]


def test_the_facts_are_those_of_the_manifest(card: dict[str, str]) -> None:
    details = card["Model details"]
    assert "- Epochs: 3\n" in details
    assert "- Hidden layers, units: 128, 32\n" in details
    assert "`c0ffee`, with changes that were not committed" in details
    assert f"- Lock: compat, SHA-256 `{'d' * 64}`" in details
    assert (
        "| Evaluator | accuracy | 0.9791 | ≥ 0.97 | 0.9700 | passed |"
        in (card["Metrics"])
    )
    assert "The champion was version 16." in card["Metrics"]
    assert "10,000 images. data set from a folder; " in card["Evaluation data"]
    assert "| class 0 | 4729 | 980 |" in card["Training data"]
    assert "| pixel mean | unknown | 33.7900 |" in card["Training data"]
    assert "| 0 | 980 | 0.9900 | 0.9800 |" in card["Quantitative analyses"]
    assert "nothing was overridden" in card["Caveats and recommendations"]
    assert "--model scans" in card["Intended use"]


def test_what_nobody_stated_is_not_stated(card: dict[str, str]) -> None:
    assert card["Ethical considerations"].strip() == "Not stated."
    for title in ("Intended use", "Factors", "Evaluation data"):
        assert "not stated" in card[title]


def test_what_is_unknown_is_said_to_be(card: dict[str, str]) -> None:
    bare = sections(render(Manifest(version=17)))
    assert "- Code commit: unknown\n" in bare["Model details"]
    assert "- Lock: unknown\n" in bare["Model details"]
    assert "The gates that it passed are unknown." in bare["Metrics"]
    assert (
        "unknown images. Source unknown; fingerprint unknown."
        in (bare["Evaluation data"])
    )
    assert "Statistics are unknown." in bare["Training data"]
    assert bare["Quantitative analyses"].strip() == "Unknown."
    assert (
        "Whether anything was overridden is unknown."
        in (bare["Caveats and recommendations"])
    )


def test_an_override_is_a_caveat() -> None:
    finding = {"split": "eval", "feature": "label", "reason": "too many\nthrees"}
    overrides = Overrides(allow_anomalies=True, findings=[finding])
    card = sections(render(Manifest(**{**KNOWN, "overrides": overrides})))
    assert (
        "- split eval, feature label: too many threes"
        in (card["Caveats and recommendations"])
    )


def test_a_rollback_is_told_first() -> None:
    back = RolledBack(of=5, instead_of=16, reason="worse", by="me@here", at="now")
    text = render(Manifest(**{**KNOWN, "rolled_back": back}))
    assert text.splitlines()[:3] == [
        "# Model card: scans, version 17",
        "",
        "This is version 5 again: it was rolled back to at now by me@here, while "
        "version 16 was served. Reason: worse.",
    ]


@pytest.mark.parametrize("name", ["a | b", "a\n# b", "<script>"])
def test_a_hostile_name_stays_text(name: str) -> None:
    text = render(Manifest(**{**KNOWN, "run": name, "data_source": name}))
    assert "<script>" not in text
    assert "\n# b" not in text
    assert len(sections(text)) == 9
