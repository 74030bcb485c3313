"""The study's verdict: its counts, and that a wrong estimate fails it."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.estimation import cli
from benchmarks.estimation.study import Finding, Study
from components.image_example_gen import digits
from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from contract.estimation import Estimate
from tests.components.softmax import save_softmax


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regression with random weights, whose confidences are low."""
    folder = tmp_path_factory.mktemp("models") / "digits" / "7"
    return Path(save_softmax(str(folder)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The embedded digits as IDX files."""
    folder = str(tmp_path_factory.mktemp("digits") / "idx")
    digits.write(folder)
    return folder


@pytest.fixture(scope="module")
def labelled(data: str) -> tuple[np.ndarray, np.ndarray]:
    """Twenty of their test images, and the labels."""
    images, labels = next(open_source(data).blocks("test", 20))
    return images, labels


def finding(value: float, accuracy: float, *, trusted: bool) -> Finding:
    found = Estimate(value, value, value, 100, 0.01, trusted, (), ())
    return Finding("any", found, accuracy)


@pytest.mark.parametrize(
    ("value", "accuracy", "is_off"),
    [(0.97, 0.95, False), (0.97, 0.93, True), (0.93, 0.97, True)],
)
def test_an_estimate_is_off_too_high_or_too_low(
    value: float, accuracy: float, is_off: bool
) -> None:
    assert finding(value, accuracy, trusted=True).is_off is is_off


def test_each_kind_of_traffic_is_asked_and_counted(
    version: Path, labelled: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = labelled
    study = Study(version, images, labels, rows=20, seed=1)
    plain, *others = study.kinds()
    answers = [a.class_id for a in study._model.predict_images(images)]
    assert plain.accuracy == (labels == answers).mean()
    assert plain.estimate.value == pytest.approx(0.1)
    assert not plain.estimate.trusted
    assert next(f for f in others if f.kind == "inverted").estimate.novel == 1
    *_, letters = study.mixed()
    assert (letters.kind, letters.accuracy) == ("letters unlike digits, 100%", 0)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_trusted_estimate_that_is_off_or_one_that_is_never_trusted_fails(
    version: Path,
    data: str,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,
) -> None:
    found = [finding(0.9, 0.5, trusted=trusted)]
    for kinds in ("kinds", "mixed", "undisturbed"):
        monkeypatch.setattr(Study, kinds, lambda self: iter(found))
    arguments = ["--version-dir", str(version), "--data", data, "--rows", "5"]
    result = CliRunner().invoke(cli.cli, arguments)
    assert result.exit_code == 3
    assert f"trusted, but off by more than 0.03: {2 * trusted}" in result.output
    assert "undisturbed, trusted and right: 0 of 20" in result.output


@pytest.mark.parametrize(("missed", "code"), [(5, 0), (6, 3)])
def test_letters_that_are_missed_too_often_fail(
    version: Path, data: str, monkeypatch: pytest.MonkeyPatch, missed: int, code: int
) -> None:
    found = [finding(0.9, 0.9, trusted=True)] * 20
    for kinds in ("kinds", "mixed", "undisturbed"):
        monkeypatch.setattr(Study, kinds, lambda self: iter(found))
    monkeypatch.setattr(Study, "among", lambda self, rows: (missed, 97))
    monkeypatch.setattr(cli, "_ROWS", (50, 10_000_000))
    arguments = ["--version-dir", str(version), "--data", data, "--rows", "5"]
    result = CliRunner().invoke(cli.cli, arguments)
    assert result.exit_code == code
    assert f"| 50 | {missed} of 100 | 97 of 100 |" in result.output
    assert "10,000,000" not in result.output


def test_a_version_of_before_is_refused_in_a_line(
    labelled: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    older = Path(save_softmax(str(tmp_path / "older"), novelty=None))
    (older / "assets.extra" / "reliability.json").unlink()
    with pytest.raises(BadInputError, match=r"expected assets.extra/reliability.json"):
        Study(older, *labelled, rows=5, seed=1)
