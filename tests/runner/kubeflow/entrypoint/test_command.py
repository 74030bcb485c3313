"""One node, from the launcher's arguments to its exit code and last lines."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apache_beam.typehints import native_type_compatibility

from contract.errors import BadInputError, GateRefusedError, Terminated
from contract.exits import Exit
from pipeline.beam import Beam
from pipeline.config import Config
from runner.kubeflow.entrypoint import command, contract, settings
from runner.kubeflow.entrypoint.settings import Step
from runner.kubeflow.fingerprints import project_digest
from runner.kubeflow.origin import VARIABLE, Origin

ORIGIN = Origin({}, "mnist", "mnist", "")
REPOSITORY = Path(__file__).resolve().parents[4]

Arguments = Callable[..., list[str]]


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Arguments:
    """Returns the launcher's arguments for the command; the store's files are local."""
    monkeypatch.setattr(contract, "_LOCAL_ROOTS", {"s3://": f"{tmp_path}/"})

    def make(digest: str | None = None, **parameters: Any) -> list[str]:
        output = {"uri": "s3://bucket/examples", "type": {"instanceSchema": ""}}
        listed = {"artifacts": {"examples": {"artifacts": [output]}}}
        executor_input = {
            "inputs": {"parameterValues": parameters},
            "outputs": {**listed, "outputFile": str(tmp_path / "output.json")},
        }
        monkeypatch.setenv(VARIABLE, '{"data":"mnist","name":"mnist"}')
        return [
            *("--executor_input", json.dumps(executor_input)),
            *("--node=ImageExampleGen", "--properties=0123456789abcdef"),
            f"--project_digest={digest or project_digest()}",
        ]

    return make


def test_tfx_sees_local_paths_and_the_launcher_remote_ones(
    arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def execute(step: Step, node_input: Any, beam_args: list[str]) -> None:
        seen.update(input=node_input, beam=beam_args, path=step.executor)
        [artifact] = node_input["outputs"]["artifacts"]["examples"]["artifacts"]
        written = {"artifacts": {"examples": {"artifacts": [{"uri": artifact["uri"]}]}}}
        Path(node_input["outputs"]["outputFile"]).write_text(json.dumps(written))

    monkeypatch.setattr(command, "_execute", execute)
    (tmp_path / "mnist").mkdir()
    command.run(arguments(source="s3://mnist"))

    assert seen["path"] == "components.image_example_gen.executor.Executor"
    assert seen["beam"] == Config().beam.pipeline_args()
    parameters = seen["input"]["inputs"]["parameterValues"]
    # KFP's values override those that the pipeline was compiled with.
    assert parameters["source"] == f"{tmp_path}/mnist"
    assert parameters["eval_fraction"] == Config().data.eval_fraction
    [artifact] = seen["input"]["outputs"]["artifacts"]["examples"]["artifacts"]
    assert artifact["uri"] == f"{tmp_path}/bucket/examples"
    assert artifact["type"] == {"schemaTitle": "tfx.types.standard_artifacts.Examples"}
    written = json.loads((tmp_path / "output.json").read_text())
    [examples] = written["artifacts"]["examples"]["artifacts"]
    assert examples["uri"] == "s3://bucket/examples"


def test_beams_lines_on_types_that_it_does_not_know_are_left_out(
    arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred of them stood in each pod's log."""

    def execute(step: Step, node_input: Any, beam_args: list[str]) -> None:
        Path(node_input["outputs"]["outputFile"]).write_text("{}")

    monkeypatch.setattr(command, "_execute", execute)
    logger = native_type_compatibility._LOGGER
    monkeypatch.setattr(logger, "level", logging.INFO)
    (tmp_path / "mnist").mkdir()
    command.run(arguments(source="s3://mnist"))
    assert not logger.isEnabledFor(logging.INFO)
    assert logger.isEnabledFor(logging.WARNING)


def test_a_node_on_an_engine_works_on_the_volume(
    arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "BEAM_FOLDER", str(tmp_path / "volume"))
    seen: dict[str, Any] = {}

    def execute(step: Step, node_input: Any, beam_args: list[str]) -> None:
        [artifact] = node_input["outputs"]["artifacts"]["examples"]["artifacts"]
        seen.update(uri=artifact["uri"], beam=beam_args)
        Path(node_input["outputs"]["outputFile"]).write_text("{}")

    beam = Beam(runner="FlinkRunner", endpoint="server:8099", workers="localhost:1")
    step = replace(settings.step("ImageExampleGen", ORIGIN, {}), beam=beam)
    for on_engine in (True, False):
        changed = replace(step, on_engine=on_engine)
        monkeypatch.setattr(settings, "step", lambda *given, to=changed: to)
        monkeypatch.setattr(command, "_execute", execute)
        (tmp_path / "mnist").mkdir(exist_ok=True)
        command.run(arguments(source="s3://mnist"))
        is_there = seen["uri"].startswith(f"{tmp_path}/volume/")
        assert is_there == on_engine
        [folder] = [a for a in seen["beam"] if a.startswith("--shared_folder")] or [""]
        assert bool(folder) == on_engine
        assert seen["uri"].startswith(folder.partition("=")[2])


def test_an_image_with_other_code_is_refused(arguments: Arguments) -> None:
    with pytest.raises(BadInputError) as caught:
        command.run(arguments(digest="0123456789abcdef"))
    assert str(caught.value).startswith(
        "image: expected the code that the pipeline was compiled from "
        f"(0123456789abcdef), found other code ({project_digest()}): "
    )


def test_a_package_of_other_code_may_have_had_other_flags() -> None:
    with pytest.raises(BadInputError, match=r"^image: expected the code that"):
        command.run(["--outputs_spec={}", "--project_digest=0123456789abcdef"])


@pytest.mark.parametrize(
    ("error", "code", "last_words"),
    [
        (None, Exit.PUSHED, []),
        (
            GateRefusedError("DataGate", ["label: bad", "image: worse"]),
            Exit.REFUSED,
            ["refused by DataGate:", "  label: bad", "  image: worse"],
        ),
        (BadInputError("x: missing"), Exit.BAD_INPUT, ["error: x: missing"]),
        (Terminated(), Exit.TERMINATED, ["terminated"]),
        (OSError("disk full"), Exit.BROKEN, ["error: disk full"]),
    ],
)
def test_exit_codes_and_last_words(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException | None,
    code: Exit,
    last_words: list[str],
) -> None:
    class EndedError(Exception):
        """Replaces the call that would end this process."""

    def run(arguments: object) -> None:
        if error is not None:
            raise error

    def end(status: int) -> None:
        raise EndedError(status)

    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(EndedError) as ended:
        command.main([])
    assert ended.value.args == (code.value,)
    lines = capsys.readouterr().err.splitlines()
    assert lines[len(lines) - len(last_words) :] == last_words
    assert any("Traceback" in line for line in lines) == (code is Exit.BROKEN)


def test_as_a_process_without_tensorflow_where_nothing_needs_it(
    arguments: Arguments,
) -> None:
    process = subprocess.run(
        [
            *(sys.executable, "-X", "importtime", "-m", "runner.kubeflow.entrypoint"),
            *arguments(digest="0123456789abcdef"),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1].startswith("error: image: expected the code")
    assert "| tensorflow" not in process.stderr
    assert "| tfx" not in process.stderr


def test_which_spans_there_are_is_seen_when_a_run_reads_them(
    arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The executor itself reads the spans, as in each recurring run."""
    spans = tmp_path / "volume"
    spans.mkdir()
    pattern, rng = f"{spans}/{{SPAN}}.npz", np.random.default_rng(0)
    compiled = {"data": pattern, "name": "scans", "settings": {"data": {"window": 2}}}
    for newest in (1, 2, 3):
        images = rng.integers(0, 256, (60, 3, 3)).astype(np.uint8)
        np.savez(spans / f"{newest}.npz", x=images, y=np.arange(60) % 2)
        given = arguments(source=pattern)
        monkeypatch.setenv(VARIABLE, json.dumps(compiled))
        command.run(given)
        written = json.loads((tmp_path / "output.json").read_text())
        [examples] = written["artifacts"]["examples"]["artifacts"]
        assert examples["metadata"]["span"] == newest
        split = json.loads((tmp_path / "bucket/examples/split.json").read_text())
        window = [str(number) for number in range(max(1, newest - 1), newest + 1)]
        assert [span["span"] for span in split["spans"]] == window
