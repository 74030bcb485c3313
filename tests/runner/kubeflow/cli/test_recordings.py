"""Answers of real Kubeflow about our package's runs, replayed to `submit --wait`.

The recordings are not part of the project: they are in `shared/` beside the checkout,
if it exists. The nodes' pods were scripted, so the entries that the launcher adds for
the cache are added here. Names and states that other tests need are in `test_argo` and
`test_tasks`.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.runner.kubeflow.conftest import Run, specification
from tests.runner.kubeflow.fake_kfp import FakeKfp
from tests.runner.kubeflow.frames import kept_by_cache

REPOSITORY = Path(__file__).resolve().parents[4]
RECORDINGS = REPOSITORY.parent / "shared" / "kubeflow-recordings"

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason=f"no recordings: {RECORDINGS} is not there"
)

WHOLE = "api_run_details"
FROZEN = "api_run_details_when_nodes_are_compressed"

PUSHED = """\
INFO passed: Evaluator: accuracy: expected >= 0.97, found 0.9785
INFO served as version 7
"""


@dataclass(frozen=True)
class Told:
    """The end of `submit --wait` for a recorded run."""

    code: int
    headline: str
    has_gates: bool = False


_PUSHED = Told(0, "the model is served as version 7", has_gates=True)

ENDINGS = {
    "216-plain": _PUSHED,
    "217-plain": _PUSHED,
    "217-defaults": _PUSHED,
    "217-cached": _PUSHED,
    "217-trainerlost": _PUSHED,
    "216-trainerfail2": Told(1, "Trainer failed"),
    "216-trainerlost": Told(1, "Trainer failed"),
    "217-datagate": Told(3, "refused by DataGate, nothing was pushed"),
    "217-verdict": Told(3, "refused by Evaluator, nothing was pushed", has_gates=True),
    "217-lostalways": Told(1, "--timeout is over, and the run continues"),
}

SUCCEEDED = {
    "DataGate": "2.16-get-pods-forbidden.log",
    "Pusher": "2.17-pusher-good.log",
    "Trainer": "2.17-trainer-good.log",
}
"""Logs of pods that succeeded, with warnings of the launcher, by node."""

REFUSED = {
    "DataGate": "2.17-datagate-refused-exit-3.log",
    "Verdict": "2.17-verdict-refused-exit-3.log",
}
KILLED = "2.17-child-over-memory.log"

REASONS = {
    "no-scratch-volume.log": "this Kubeflow Pipelines is too old for the image",
    "2.16-input-in-another-bucket.log": "cannot read the object store",
    "2.17-input-in-another-bucket.log": "cannot read the object store",
    "2.16-bad-input-exit-2.log": "/data/digits/train-labels-idx1-ubyte: trunc",
    "2.16-models-not-writable.log": "PermissionError: [Errno 13]",
}
"""Words of `submit --wait` about a pod that failed, by its log."""

_STATES = {
    "Succeeded": "SUCCEEDED",
    "Failed": "FAILED",
    "Error": "FAILED",
    "Running": "RUNNING",
}


def test_every_recording_is_played() -> None:
    assert {path.stem for path in RECORDINGS.glob("*.json")} == set(ENDINGS)
    pods = {path.name for path in (RECORDINGS / "pod-logs").iterdir()}
    assert pods == {*SUCCEEDED.values(), *REFUSED.values(), KILLED, *REASONS}


def pod_log(file: str) -> str:
    return (RECORDINGS / "pod-logs" / file).read_text()


def logs(recording: dict[str, Any]) -> dict[str, str]:
    """Returns the logs of Argo's pods by their real names; a lost pod has no log."""
    found = {}
    for node in recording["argo_nodes"]:
        if not node.get("podName") or node["phase"] == "Error":
            continue
        failed = node["phase"] == "Failed"
        name = next(
            (name for name in (*REFUSED, *SUCCEEDED) if f".{name}" in node["name"]), ""
        )
        if failed:
            text = pod_log(REFUSED.get(name, KILLED))
        elif "executor" not in node["name"]:
            text = "INFO done\n"
        elif name == "Verdict":
            text = PUSHED
        else:
            text = pod_log(SUCCEEDED[name]) if name in SUCCEEDED else "INFO done\n"
        found[node["podName"]] = text
    return found


def package(folder: Path, recording: dict[str, Any]) -> Path:
    """Returns a shortened compiled pipeline with the recorded run's nodes."""
    names = {
        node["displayName"].removesuffix("-driver")
        for node in recording["argo_nodes"]
        if node["displayName"].endswith("-driver")
    } - {"root"}
    spec = specification()
    spec["root"]["dag"]["tasks"] = {
        name: {"componentRef": {"name": name}, "taskInfo": {"name": name}}
        for name in names
    }
    path = folder / "mnist.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path


@pytest.mark.parametrize("details", [WHOLE, FROZEN])
@pytest.mark.parametrize("name", sorted(ENDINGS))
def test_a_recorded_run_ends_as_it_did(
    name: str, details: str, fake: FakeKfp, run: Run, tmp_path: Path
) -> None:
    recording = json.loads((RECORDINGS / f"{name}.json").read_text())
    state = _STATES[recording["workflow"]["phase"]]
    kept = kept_by_cache(0, 0)
    tasks = [kept, *recording[details]["task_details"], kept]
    fake.frames = [{"state": state, "run_details": {"task_details": tasks}}]
    fake.logs = logs(recording)

    path = package(tmp_path, recording)
    ended = run(
        *("submit", "--package", str(path), "--host", fake.host),
        *("--wait", "--timeout", "1"),
    )

    told = ENDINGS[name]
    assert f"mnist: {told.headline}\n" in ended.screen
    assert ended.code == told.code
    assert ("Gates\n" in ended.screen) == told.has_gates


def test_what_the_cache_answered_and_nothing_else_is_called_reused(
    fake: FakeKfp, run: Run, tmp_path: Path
) -> None:
    recording = json.loads((RECORDINGS / "217-cached.json").read_text())
    fake.frames = [{"state": "SUCCEEDED", "run_details": recording[WHOLE]}]
    fake.logs = logs(recording)
    path = package(tmp_path, recording)
    ended = run("submit", "--package", str(path), "--host", fake.host, "--wait")
    reused = re.findall(r"^↺ (\w+) .* reused$", ended.screen, re.MULTILINE)
    skipped = {
        node["name"].split(".")[2].partition("(")[0]
        for node in recording["argo_nodes"]
        if node["phase"] == "Skipped"
    }
    assert set(reused) == skipped
    assert skipped == {"Transform", "Trainer"}


def test_a_pod_killed_for_its_memory_is_called_that(
    fake: FakeKfp, run: Run, tmp_path: Path
) -> None:
    recording = json.loads((RECORDINGS / "216-trainerfail2.json").read_text())
    fake.frames = [{"state": "FAILED", "run_details": recording[WHOLE]}]
    fake.logs = logs(recording)
    path = package(tmp_path, recording)
    ended = run("submit", "--package", str(path), "--host", fake.host, "--wait")
    assert "Trainer was killed: it needed more than its 4 GB of memory" in ended.screen


@pytest.mark.parametrize(("file", "words"), REASONS.items())
def test_the_reason_is_in_words(
    file: str, words: str, fake: FakeKfp, run: Run, tmp_path: Path
) -> None:
    recording = json.loads((RECORDINGS / "216-trainerfail2.json").read_text())
    fake.frames = [{"state": "FAILED", "run_details": recording[WHOLE]}]
    fake.logs = {
        node["podName"]: pod_log(file)
        for node in recording["argo_nodes"]
        if node.get("podName") and node["phase"] == "Failed"
    }
    path = package(tmp_path, recording)
    ended = run("submit", "--package", str(path), "--host", fake.host, "--wait")
    assert ended.code == 1
    assert words in ended.screen


def test_passes_over_the_pipeline_are_told(
    fake: FakeKfp, run: Run, tmp_path: Path
) -> None:
    recording = json.loads((RECORDINGS / "217-lostalways.json").read_text())
    fake.frames = [{"state": "RUNNING", "run_details": recording[WHOLE]}]
    path = package(tmp_path, recording)
    where = ("--package", str(path), "--host", fake.host)
    ended = run("submit", *where, "--wait", "--timeout", "1")
    assert "Kubeflow begins the pipeline again (pass 5)" in ended.screen
