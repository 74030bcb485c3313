"""The library over real sockets: sync and asyncio give the same results."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from contract.task import Task
from serving.client import (
    ModelSpec,
    ServingError,
    TensorSpec,
    VersionStatus,
)
from tests.serving.client.fake_server import FakeServer
from tests.serving.tasks import SHAPES, TASKS


def image(row: int) -> np.ndarray:
    """An image the fake server reads as the digit `row` % 10."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[row] = 255
    return pixels


def test_predict_returns_arrays_and_who_answered(
    ask: Callable, fake: FakeServer
) -> None:
    answer = ask(
        fake.address, "mnist", lambda c: c.predict({"images": np.stack([image(4)])})
    )
    assert answer.outputs["probabilities"].argmax(1).tolist() == [4]
    assert answer.outputs["probabilities"].dtype == np.float32
    assert (answer.model, answer.version) == ("mnist", 3)
    assert answer.signature == "serving_default"


def test_images_go_in_batches_and_come_back_in_order(
    ask: Callable, fake: FakeServer
) -> None:
    images = np.stack([image(row) for row in range(10)])
    answers = ask(
        fake.address, "mnist", lambda c: c.predict_images(images, batch_size=4)
    )
    assert [answer.class_id for answer in answers] == list(range(10))
    assert [round(answer.probability, 2) for answer in answers] == [0.91] * 10
    sizes = [r.inputs["images"].tensor_shape.dim[0].size for r in fake.asked]
    assert sizes == [4, 4, 2]
    assert list(fake.asked[0].output_filter) == ["probabilities"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_model_tells_its_task(ask: Callable, fake: FakeServer, task: Task) -> None:
    fake.task = task
    served = ask(fake.address, task.name, lambda c: c.task())
    assert (served.task, served.version, served.told) == (task, 3, True)
    images = np.zeros((2, *task.shape), np.uint8)
    images[1, 2] = 255
    answers = ask(fake.address, task.name, lambda c: c.predict_images(images))
    assert [answer.name for answer in answers] == [task.classes[0], task.classes[2]]


def test_novelty_is_asked_of_the_version_that_answered_where_it_tells_it(
    ask: Callable, fake: FakeServer
) -> None:
    images = np.stack([image(row) for row in (9, 10)])

    def novelty(client: Any) -> Any:
        return client.predict_images(images, novelty=True)

    answers = ask(fake.address, "mnist", novelty)
    assert [answer.is_novel for answer in answers] == [None, None]
    fake.tells_novelty = True
    answers = ask(fake.address, "mnist", novelty)
    assert [answer.is_novel for answer in answers] == [False, True]
    assert [answer.novelty for answer in answers] == [9, 10]
    assert fake.asked[-1].model_spec.version.value == 3
    assert fake.asked[-1].model_spec.signature_name == "novelty"


def test_a_task_that_is_not_told_is_derived(ask: Callable, fake: FakeServer) -> None:
    fake.task, fake.tells = SHAPES, False
    served = ask(fake.address, "shapes", lambda c: c.task())
    assert not served.told
    assert served.task.shape == (12, 16, 3)
    assert served.task.classes == ("0", "1", "2", "3")


def test_large_images_go_in_smaller_requests(
    ask: Callable, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving.client import calls

    monkeypatch.setattr(calls, "MAX_REQUEST_VALUES", 3 * 784)
    images = np.zeros((7, 28, 28), np.uint8)
    assert len(ask(fake.address, "mnist", lambda c: c.predict_images(images))) == 7
    sizes = [r.inputs["images"].tensor_shape.dim[0].size for r in fake.asked]
    assert sizes == [3, 3, 1]


def test_the_names_of_version_0_1_work_and_say_what_replaces_them(
    ask: Callable, fake: FakeServer
) -> None:
    images = np.stack([image(4)])
    with pytest.warns(DeprecationWarning, match="use predict_images"):
        (answer,) = ask(fake.address, "mnist", lambda c: c.predict_digits(images))
    with pytest.warns(DeprecationWarning, match="use class_id"):
        assert answer.digit == 4
    with pytest.warns(DeprecationWarning, match="use ClassAnswer"):
        from serving.client import DigitAnswer
    assert isinstance(answer, DigitAnswer)


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 28, 28), np.float32), np.zeros((1, 28, 27), np.uint8)],
    ids=["float", "27 wide"],
)
def test_images_of_another_form_are_not_sent(
    ask: Callable, fake: FakeServer, images: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"uint8 and shape \[n, 28, 28\]"):
        ask(fake.address, "mnist", lambda c: c.predict_images(images))
    assert fake.asked == []


@pytest.mark.parametrize(
    ("model", "version"),
    [
        (ModelSpec("mnist", version=2), 2),
        (ModelSpec("mnist", label="stable"), 3),
        (ModelSpec("mnist"), 5),
    ],
)
def test_version_or_label_is_chosen(
    ask: Callable, fake: FakeServer, model: ModelSpec, version: int
) -> None:
    fake.versions = {2: "AVAILABLE", 3: "AVAILABLE", 5: "AVAILABLE", 6: "LOADING"}
    assert ask(fake.address, model, lambda c: c.metadata()).version == version


def test_version_and_label_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="a version or a label, not both"):
        ModelSpec("mnist", version=1, label="stable")


def test_status_lists_versions_newest_first(ask: Callable, fake: FakeServer) -> None:
    fake.versions = {1: "END", 3: "AVAILABLE", 4: "LOADING"}
    assert ask(fake.address, "mnist", lambda c: c.status()) == [
        VersionStatus(4, "LOADING"),
        VersionStatus(3, "AVAILABLE"),
        VersionStatus(1, "END", "DATA_LOSS", "Can't parse it as binary proto"),
    ]


def test_metadata_tells_types_and_shapes(ask: Callable, fake: FakeServer) -> None:
    signature = ask(fake.address, "mnist", lambda c: c.metadata()).signatures[
        "serving_default"
    ]
    assert signature.method_name == "tensorflow/serving/predict"
    assert signature.inputs == {"images": TensorSpec("uint8", (None, 28, 28))}
    assert signature.outputs == {
        "class_id": TensorSpec("int64", (None,)),
        "probabilities": TensorSpec("float32", (None, 10)),
    }


def test_an_answer_of_another_model_is_an_error(
    ask: Callable, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving.client import calls

    monkeypatch.setattr(calls, "PROBABILITIES", "logits")
    images = np.stack([image(1)])
    with pytest.raises(ServingError, match="expected output 'logits'"):
        ask(fake.address, "mnist", lambda c: c.predict_images(images))
