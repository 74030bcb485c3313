"""`monitor` in a folder with a pushed model, as a user types it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.image_example_gen.source import open_source
from components.report.page import MONITORING, Page
from contract import notifying
from runner.cli import main
from serving.request_logs.cli import cli
from tests.local_runner.conftest import Place, restore
from tests.receiver import receiving
from tests.request_logs import Log
from version_store import versions


@dataclass(frozen=True)
class Looked:
    """The result: exit code, screen, `result.json`, and its folder."""

    code: int
    screen: str
    result: dict[str, Any]
    folder: Path


Look = Callable[..., Looked]


@pytest.fixture(scope="module")
def served(saved: Path, scans: Place) -> Any:
    """The log of a server that was asked about the test pictures."""
    models = saved / "models" / "scans"
    [version] = versions.list_versions(str(models))
    part = open_source(str(scans.root / "data")).test
    images = np.concatenate([block for block, _ in part.blocks()])
    model = tf.saved_model.load(str(models / str(version)))

    def write(prefix: Path, pictures: np.ndarray) -> None:
        log = Log(prefix, "scans", version)
        answers = model.signatures["serving_default"](images=tf.constant(pictures))
        for picture, row in zip(pictures, answers["probabilities"], strict=True):
            log.predict(picture[None], row.numpy()[None])
        log.close()
        [file] = prefix.parent.glob("*.tfrecord")
        with file.open("ab") as stream:
            stream.write(b"torn")

    return write, images


@pytest.fixture
def look(
    served: Any,
    scans: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Look:
    """Monitors a log of the test pictures, changed by a function."""
    restore(scans)
    monkeypatch.chdir(scans.root)
    write, images = served

    def look(change: Callable[[np.ndarray], np.ndarray], *more: str) -> Looked:
        write(tmp_path / "log" / "scans", change(images))
        arguments = ["local_runner.py", "monitor", "--log", str(tmp_path / "log")]
        monkeypatch.setattr("sys.argv", [*arguments, *more])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        [folder] = (scans.output / "monitoring" / "runs").iterdir()
        result = json.loads((folder / "result.json").read_text())
        return Looked(ended.value.code, capfd.readouterr().out, result, folder)

    return look


def test_traffic_of_the_same_kind_ends_with_0_and_leaves_no_examples(
    look: Look,
) -> None:
    """A kill has left half a record, which is not read."""
    looked = look(lambda images: images)
    assert looked.code == 0, looked.screen
    assert looked.result["kind"] == "monitor"
    assert looked.result["findings"] == []
    assert looked.result["traffic"]["versions"][0]["pictures"] == 360
    assert "note: not read: 4 bytes that are no whole records" in looked.screen
    assert "scans: nothing was found" in looked.screen
    assert not list(looked.folder.rglob("*.gz"))


def test_negatives_end_with_3_and_a_page_whose_pictures_can_be_forgotten(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("request_id,label\n" + "".join(f"request-{n},0\n" for n in "123"))
    with receiving() as receiver:
        monkeypatch.setenv(notifying.ADDRESSES, receiver.address)
        looked = look(lambda images: 255 - images, "--labels", str(labels))
    assert looked.code == 3, looked.screen
    found = {one["metric"]: one for one in looked.result["findings"]}
    [message] = receiver.messages
    assert message["title"] == "scans: finding"
    assert "TrafficGate: image drift" in message["message"]
    assert message["message"].endswith(f"Report: {looked.result['report']}")
    told = (looked.folder.parents[2] / "metrics.prom").read_text()
    assert 'monitor_last_run_exit_code{model="scans"} 3.0\n' in told
    assert found["image_drift"]["value"] > found["image_drift"]["bound"]
    [version] = looked.result["traffic"]["versions"]
    assert sum(version["truth"]["rows"]) == 3
    path = Path(looked.result["report"])
    page = Page.parse(path.read_text(), MONITORING)
    assert set(page.sections) == set(MONITORING)
    furthest = version["furthest"][0]
    picture = path.parent / furthest["file"]
    assert picture.exists()
    forget = ["forget", furthest["request_id"], "--log", str(tmp_path / "log")]
    cli.main(forget, standalone_mode=False)
    assert not picture.exists()
