"""The blessing comes from a separate process, however that process ends."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.image_example_gen import digits
from components.serving_validator.executor import Executor
from components.serving_validator.requests import Requests
from contract.model_run import save_answers, save_novelty
from tests.tasks import write_task

Validate = Callable[..., Any]


@pytest.fixture
def validate(artifact: Callable[..., Any], requests: Requests) -> Validate:
    """Returns a function that runs the executor on a model and returns the blessing."""

    def validate(model: str, timeout_seconds: int = 120) -> Any:
        trained = artifact(standard_artifacts.Model)
        Path(trained.uri, "Format-Serving").symlink_to(model)
        run = artifact(standard_artifacts.ModelRun)
        save_answers(run.uri, requests.probabilities[:15])
        save_novelty(run.uri, requests.novelty[:15])
        examples = artifact(standard_artifacts.Examples, splits=["train", "test"])
        split = Path(examples.uri, "Split-test")
        split.mkdir()
        write_task(examples.uri, digits.TASK)
        for shard, rows in enumerate((slice(0, 9), slice(9, 20))):
            path = split / f"data_tfrecord-{shard:05d}-of-00002.gz"
            with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
                for example in requests.examples[rows]:
                    writer.write(example)
        blessing = artifact(standard_artifacts.InfraBlessing)
        Executor().Do(
            {"model": [trained], "model_run": [run], "examples": [examples]},
            {"blessing": [blessing]},
            {"timeout_seconds": timeout_seconds},
        )
        return blessing

    return validate


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Returns a function that replaces the probe's Python by a shell script."""

    def replace(script: str) -> None:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))

    return replace


def report_of(blessing: Any) -> dict[str, list[str]]:
    report: dict[str, list[str]] = json.loads(
        Path(blessing.uri, "report.json").read_text()
    )
    return report


def assert_blessed(blessing: Any, blessed: bool) -> None:
    assert blessing.get_int_custom_property("blessed") == int(blessed)
    names = {path.name for path in Path(blessing.uri).iterdir()}
    marker = "INFRA_BLESSED" if blessed else "INFRA_NOT_BLESSED"
    assert names == {marker, "report.json"}


def test_a_model_that_answers_in_a_fresh_process_is_blessed(
    validate: Validate, save: Callable[..., str]
) -> None:
    blessing = validate(save())
    assert report_of(blessing) == {
        "checks": [
            "serving_default, batch of 1",
            "serving_default, batch of 7",
            "serving_default, batch of 15",
            "tf_examples, batch of 1",
            "tf_examples, batch of 7",
            "tf_examples, batch of 15",
            "classify, batch of 3",
            "novelty, batch of 1",
            "novelty, batch of 7",
            "novelty, batch of 15",
            "describe",
            "serving_default, refusal of an image of 784x1",
        ],
        "failures": [],
        "withdrawn": [],
    }
    assert_blessed(blessing, True)


WHO = "the process that asks the model"

OF_THE_MACHINE: dict[str, tuple[str, str]] = {
    "an import": (
        "echo greetings >&2; echo 'ImportError: no such library' >&2; exit 3",
        f"{WHO} ended with 3: ImportError: no such library",
    ),
    "an error in another encoding": (
        r"printf 'caf\351 closed\n' >&2; exit 1",
        f"{WHO} ended with 1: caf\ufffd closed",
    ),
    "silence": ("exit 1", f"{WHO} ended with 1: no output"),
    "out of memory": ("kill -KILL $$", f"{WHO} was ended by SIGKILL: no output"),
    "memory that an allocation wanted": (
        "echo \"terminate called after throwing an instance of 'std::bad_alloc'\" >&2\n"
        "kill -ABRT $$",
        f"{WHO} was ended by SIGABRT: terminate called after throwing an instance of "
        "'std::bad_alloc'",
    ),
    "threads": (
        "echo 'pthread_create: Resource temporarily unavailable' >&2; kill -ABRT $$",
        f"{WHO} was ended by SIGABRT: pthread_create: Resource temporarily unavailable",
    ),
    "a shutdown": ("kill -TERM $$", f"{WHO} was ended by SIGTERM: no output"),
    "an early end": ("echo loading; exit 0", f"{WHO} ended before it had an outcome"),
    "an early end in silence": ("exit 0", f"{WHO} ended before it had an outcome"),
}


@pytest.mark.parametrize(
    ("script", "reason"), OF_THE_MACHINE.values(), ids=list(OF_THE_MACHINE)
)
def test_what_the_machine_ends_is_a_failure_and_no_verdict(
    validate: Validate,
    python: Callable[[str], None],
    tmp_path: Path,
    script: str,
    reason: str,
) -> None:
    """A verdict would stay in the cache and refuse a good model forever."""
    python(script)
    with pytest.raises(RuntimeError) as caught:
        validate(str(tmp_path))
    assert str(caught.value) == reason


def test_no_answer_in_time_is_a_failure_and_no_verdict(
    validate: Validate, python: Callable[[str], None], tmp_path: Path
) -> None:
    python("exec sleep 60")
    with pytest.raises(TimeoutError, match="gave no answer within 1 s"):
        validate(str(tmp_path), timeout_seconds=1)


def test_a_process_that_cannot_be_started_is_a_failure_and_no_verdict(
    validate: Validate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(FileNotFoundError):
        validate(str(tmp_path))


@pytest.mark.parametrize("crash", ["SEGV", "ABRT", "FPE"])
def test_a_model_that_crashes_the_process_twice_is_not_blessed(
    validate: Validate, python: Callable[[str], None], tmp_path: Path, crash: str
) -> None:
    python(f"echo start >> {tmp_path}/starts; kill -{crash} $$")
    blessing = validate(str(tmp_path))
    failure = f"{WHO} was ended by SIG{crash}: no output, twice"
    assert report_of(blessing) == {"checks": [], "failures": [failure]}
    assert_blessed(blessing, False)
    assert (tmp_path / "starts").read_text().count("start") == 2


def test_a_crash_that_does_not_come_again_says_nothing(
    validate: Validate, python: Callable[[str], None], tmp_path: Path
) -> None:
    python(
        f"[ -e {tmp_path}/crashed ] || {{ touch {tmp_path}/crashed; kill -SEGV $$; }}\n"
        'echo \'{"checks": ["all"], "failures": []}\''
    )
    assert_blessed(validate(str(tmp_path)), True)


def test_a_crash_and_then_a_kill_is_no_verdict(
    validate: Validate, python: Callable[[str], None], tmp_path: Path
) -> None:
    python(
        f"[ -e {tmp_path}/crashed ] || {{ touch {tmp_path}/crashed; kill -SEGV $$; }}\n"
        "kill -KILL $$"
    )
    with pytest.raises(RuntimeError, match="SIGKILL"):
        validate(str(tmp_path))


def test_one_failure_is_enough_for_no_blessing(
    validate: Validate, python: Callable[[str], None], tmp_path: Path
) -> None:
    report = {"checks": ["images"], "failures": ["examples: wrong"]}
    python(f"echo 'a library says hello'; echo '{json.dumps(report)}'")
    blessing = validate(str(tmp_path))
    assert report_of(blessing) == report
    assert_blessed(blessing, False)


def test_the_probe_is_asked_the_trainers_rows_in_their_order(
    validate: Validate,
    python: Callable[[str], None],
    tmp_path: Path,
    requests: Requests,
) -> None:
    python(
        f'read -r question; echo "$*" > {tmp_path}/command\n'
        f'echo "$question" > {tmp_path}/question\n'
        f'path=${{question##*\\"requests\\": \\"}}; path=${{path%%\\"*}}\n'
        f'cp "$path" {tmp_path}/requests.npz\n'
        'echo \'{"checks": [], "failures": []}\''
    )
    blessing = validate(str(tmp_path / "a-model"))
    command = (tmp_path / "command").read_text().split()
    assert command == ["-P", "-m", "components.serving_validator.probe"]
    question = json.loads((tmp_path / "question").read_text())
    assert Path(question["model"]).resolve() == tmp_path / "a-model"
    asked = Requests.load(str(tmp_path / "requests.npz"))
    np.testing.assert_array_equal(asked.images, requests.images[:15])
    np.testing.assert_array_equal(asked.probabilities, requests.probabilities[:15])
    assert asked.examples == requests.examples[:15]
    assert_blessed(blessing, True)
