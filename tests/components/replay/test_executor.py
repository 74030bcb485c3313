"""The new model answers logged requests, and is blessed or not."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import prediction_log_pb2
from tfx.types import standard_artifacts

from components.image_example_gen import digits
from components.replay import executor
from components.replay.demand import Replayed, read_replayed
from contract.demands import OVERALL
from serving.request_logs.forgetting import forget_in_output, picture_name
from serving.server.record_files import RecordFiles
from tests.components.datasets import Dataset
from tests.components.softmax import IMAGES, answer, from_images, save_softmax
from tests.tasks import write_task

CHAMPION = 7


@dataclass(frozen=True)
class Ran:
    """The executor's result, and its output artifact."""

    found: Replayed
    blessing: Any

    @property
    def blessed(self) -> int:
        return int(self.blessing.get_int_custom_property("blessed"))

    @property
    def pictures(self) -> dict[str, np.ndarray]:
        """Returns the kept pictures, by the names of their files."""
        found = {}
        for path in Path(self.blessing.uri).glob("request-pictures/*"):
            with Image.open(path) as picture:
                found[path.name] = np.asarray(picture)
        return found


Replay = Callable[..., Ran]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A model that answers like the champion, and one that always differs."""
    folder = tmp_path_factory.mktemp("models")

    def otherwise(images: Any) -> dict[str, Any]:
        flat = tf.reshape(tf.ensure_shape(images, [None, 28, 28]), [-1, 784])
        right = answer(flat)["probabilities"]
        return {
            "probabilities": tf.roll(right, 1, axis=1),
            "class_id": tf.argmax(right, axis=1),
        }

    saved = {"same": save_softmax(str(folder / "same"))}
    saved["other"] = save_softmax(
        str(folder / "other"), serving_default=(IMAGES, otherwise)
    )
    return saved


def log_of(
    folder: Path, images: np.ndarray, version: int = CHAMPION, model: str = "digits"
) -> str:
    """Logs a request for each image, as the server does; returns the prefix."""
    files = RecordFiles(str(folder / "log"), 1 << 20)
    answers = from_images(images)["probabilities"].numpy()
    for row, image in enumerate(images):
        log = prediction_log_pb2.PredictionLog()
        spec = log.log_metadata.model_spec
        spec.name, spec.signature_name = model, "serving_default"
        spec.version.value = version
        part = log.predict_log
        part.request.inputs["images"].CopyFrom(tf.make_tensor_proto(image[None]))
        part.response.outputs["probabilities"].CopyFrom(
            tf.make_tensor_proto(answers[row : row + 1])
        )
        entry = {"model": model, "version": version, "signatures": ["serving_default"]}
        files.append(
            log.SerializeToString(),
            {"request_id": f"request-{version}-{row}", **entry, "timestamp_secs": row},
        )
    files.close()
    return str(folder / "log")


@pytest.fixture
def images(dataset: Dataset) -> np.ndarray:
    return dataset.test_images


@pytest.fixture
def replay(
    artifact: Callable[..., Any], models: dict[str, str], tmp_path: Path
) -> Replay:
    """Returns a function that runs the executor."""

    def replay(
        log: str, model: str = "same", champion: str = str(CHAMPION), **more: Any
    ) -> Ran:
        candidate = artifact(standard_artifacts.Model)
        Path(candidate.uri, "Format-Serving").symlink_to(models[model])
        examples = artifact(standard_artifacts.Examples)
        write_task(examples.uri, digits.TASK)
        blessing = artifact(standard_artifacts.ModelBlessing)
        executor.Executor().Do(
            {
                "model": [candidate],
                "champion": [
                    artifact(standard_artifacts.Model, champion_version=champion)
                ],
                "examples": [examples],
            },
            {"blessing": [blessing]},
            {
                "log": log,
                "log_state": "any",
                "model_name": "digits",
                "max_pictures": 1000,
                "min_agreement": 0.95,
                "min_class_agreement": 0.85,
                "max_share_shift": 0.02,
                **more,
            },
        )
        return Ran(read_replayed(blessing.uri), blessing)

    return replay


def test_a_model_that_answers_alike_is_blessed(
    replay: Replay, images: np.ndarray, tmp_path: Path
) -> None:
    ran = replay(log_of(tmp_path, images))
    assert (ran.found.requests, ran.found.pictures) == (20, 20)
    assert (ran.found.all_disagreements, ran.found.left_out) == (0, "")
    assert ran.blessed == 1


class TestOtherwise:
    """A model that answers differently is refused, and its pictures are kept."""

    @pytest.fixture
    def ran(self, replay: Replay, images: np.ndarray, tmp_path: Path) -> Ran:
        return replay(log_of(tmp_path, images), "other")

    def test_it_is_refused(self, ran: Ran) -> None:
        overall = next(one for one in ran.found.demands if one.slice == OVERALL)
        assert (overall.value, overall.refused) == (0.0, True)
        assert ran.blessed == 0

    def test_its_pictures_are_what_was_sent(self, ran: Ran, images: np.ndarray) -> None:
        assert len(ran.found.disagreements) == 20
        name = picture_name("request-7-3", 0)
        assert np.array_equal(ran.pictures[name], images[3])
        [one] = [d for d in ran.found.disagreements if d.file.endswith(name)]
        assert one.candidate == (one.champion + 1) % 10

    def test_no_request_is_named_and_a_picture_is_forgotten_with_its_request(
        self, ran: Ran
    ) -> None:
        folder = Path(ran.blessing.uri)
        assert "request-7-3" not in (folder / "replay.json").read_text()
        assert forget_in_output(str(folder), "request-7-3") == 1
        assert len(ran.pictures) == 19


class TestLeftOut:
    """With nothing to compare, nothing is refused, and the reason is reported."""

    def test_without_a_champion(self, replay: Replay) -> None:
        ran = replay("/no/log", champion="")
        assert ran.blessed == 1
        assert ran.found.left_out == (
            "Replay is left out: there is no champion whose answers could be taken"
        )

    def test_without_a_log(self, replay: Replay, tmp_path: Path) -> None:
        found = replay(str(tmp_path / "nothing")).found
        assert found.left_out.startswith(f"Replay is left out: {tmp_path}/nothing: ")

    @pytest.mark.parametrize("of", [{"version": 6}, {"model": "letters"}])
    def test_where_others_answered(
        self, replay: Replay, images: np.ndarray, tmp_path: Path, of: dict[str, Any]
    ) -> None:
        assert replay(log_of(tmp_path, images, **of)).found.left_out.endswith(
            "has no pictures that version 7 of digits answered, and 20 requests of "
            "others"
        )


def test_the_newest_files_are_read_and_no_more_than_asked_for(
    replay: Replay, images: np.ndarray, tmp_path: Path
) -> None:
    older, newer = images[:10], images[10:]
    log_of(tmp_path / "a", older)
    log_of(tmp_path / "b", newer)
    ran = replay(str(tmp_path), "other", max_pictures=12)
    assert ran.found.pictures == 12
    sent = [*newer, *older[:2]]
    for picture in ran.pictures.values():
        assert any(np.array_equal(picture, image) for image in sent)
