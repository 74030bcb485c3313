"""Reads the request log, runs the new model on it, and blesses it or not."""

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.utils import io_utils, path_utils

from components.executing import Artifacts, BaseExecutor
from components.replay.demand import REPORT_FILE, Disagreement, Replayed
from components.replay.judgement import Bounds, judge
from components.request_log_example_gen.messages import answered
from components.request_log_example_gen.private import keep_picture
from contract import nodes, progress, properties
from contract.errors import BadInputError
from contract.signatures import IMAGES_SIGNATURE, PROBABILITIES
from contract.task import Task, task_of_examples
from serving.request_logs import reading

LOG_KEY = "log"
LOG_STATE_KEY = "log_state"
MODEL_NAME_KEY = "model_name"
MAX_PICTURES_KEY = "max_pictures"
MIN_AGREEMENT_KEY = "min_agreement"
MIN_CLASS_AGREEMENT_KEY = "min_class_agreement"
MAX_SHARE_SHIFT_KEY = "max_share_shift"

MAX_VALUES = 32 << 20
"""Maximum number of bytes of all pictures; large pictures make them fewer."""

SHOWN = 24
"""Maximum number of disagreements that are kept with their pictures."""

_BATCH = 256


@dataclass
class Traffic:
    """Logged pictures and the champion's answers to them.

    Attributes:
        requests: Number of requests.
        ids: Id of the request of each picture; empty if it was lost.
        images: For each request, uint8 `[pictures of the request, *task.shape]`.
        probabilities: For each request, float32 `[pictures of the request, classes]`.
        others: Number of requests that another version or model answered.
    """

    requests: int = 0
    ids: list[str] = field(default_factory=list)
    images: list[np.ndarray] = field(default_factory=list)
    probabilities: list[np.ndarray] = field(default_factory=list)
    others: int = 0


class Executor(BaseExecutor):
    """Compares the new model's answers with those that callers got."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Writes the `blessing` artifact; see `Replay`."""
        task = task_of_examples(inputs[nodes.EXAMPLES].uri)
        version = inputs[nodes.CHAMPION_MODEL].get_string_custom_property(
            properties.CHAMPION_VERSION
        )
        blessing = outputs[nodes.BLESSING]
        most = min(parameters[MAX_PICTURES_KEY], MAX_VALUES // task.size)
        traffic = Traffic()
        left_out = "there is no champion whose answers could be taken"
        if version:
            name = parameters[MODEL_NAME_KEY]
            left_out = read_traffic(
                traffic, parameters[LOG_KEY], name, int(version), task, most
            )
        if left_out:
            found = Replayed(
                left_out=f"{nodes.REPLAY} is left out: {left_out}", champion=version
            )
            progress.tell_skipped(f"left out: {left_out}")
        else:
            model = path_utils.serving_model_path(inputs[nodes.MODEL].uri)
            bounds = Bounds(
                parameters[MIN_AGREEMENT_KEY],
                parameters[MIN_CLASS_AGREEMENT_KEY],
                parameters[MAX_SHARE_SHIFT_KEY],
            )
            found = _compare(model, traffic, version, task, bounds, blessing.uri)
        blessing.set_int_custom_property(properties.BLESSED, int(found.blessed))
        blessing.set_string_custom_property(properties.LEFT_OUT, found.left_out)
        io_utils.write_string_file(
            os.path.join(blessing.uri, REPORT_FILE), found.to_json()
        )
        if not found.blessed:
            progress.tell_refused(str(next(d for d in found.demands if d.refused)))


def read_traffic(
    traffic: Traffic, log: str, model: str, version: int, task: Task, most: int
) -> str:
    """Reads the answers of a version, the newest files of the log first.

    Args:
        traffic: Receives the pictures and answers.
        log: See `serving.request_logs.reading.find_files`.
        model: Name of the model.
        version: Version whose answers are read.
        task: Task of the version.
        most: Maximum number of pictures.

    Returns:
        Why there is nothing to compare; empty if there is something.
    """
    try:
        files = reading.find_files(log)
    except BadInputError as error:
        return str(error)
    for path in reversed(files):
        for logged in reading.read([path]):
            if (logged.model, logged.version) != (model, version):
                traffic.others += 1
                continue
            if (found := answered(logged, task)) is None:
                continue
            left = most - len(traffic.ids)
            images = found.images[:left].clip(0, 255).astype(np.uint8)
            traffic.requests += 1
            traffic.ids += [logged.request_id or ""] * len(images)
            traffic.images.append(images.reshape(-1, *task.shape))
            traffic.probabilities.append(found.probabilities[:left])
            if len(traffic.ids) >= most:
                return ""
    if traffic.ids:
        return ""
    return (
        f"{log}: has no pictures that version {version} of {model} answered, and "
        f"{traffic.others} requests of others"
    )


def _compare(
    model: str,
    traffic: Traffic,
    version: str,
    task: Task,
    bounds: Bounds,
    folder: str,
) -> Replayed:
    images = np.concatenate(traffic.images)
    champion = np.concatenate(traffic.probabilities)
    candidate = ask(model, images)
    labels = champion.argmax(axis=1), candidate.argmax(axis=1)
    differing = np.flatnonzero(labels[0] != labels[1])
    sure = champion.max(axis=1)[differing] + candidate.max(axis=1)[differing]
    shown = differing[np.argsort(-sure, kind="stable")][:SHOWN]
    disagreements = [
        Disagreement(
            keep_picture(folder, traffic.ids[row], images[row]),
            int(labels[0][row]),
            float(champion[row].max()),
            int(labels[1][row]),
            float(candidate[row].max()),
        )
        for row in shown.tolist()
    ]
    return Replayed(
        demands=tuple(judge(task, *labels, bounds)),
        champion=version,
        requests=traffic.requests,
        pictures=len(images),
        all_disagreements=len(differing),
        disagreements=tuple(disagreements),
    )


def ask(model: str, images: np.ndarray) -> np.ndarray:
    """Returns a model's probabilities, float32 `[pictures, classes]`.

    Args:
        model: Folder of the SavedModel.
        images: uint8 `[pictures, *task.shape]`; at least one.
    """
    loaded = tf.saved_model.load(model)
    asked = loaded.signatures[IMAGES_SIGNATURE]
    return np.concatenate(
        [
            asked(images=tf.constant(batch))[PROBABILITIES].numpy()
            for batch in np.split(images, range(_BATCH, len(images), _BATCH))
        ]
    )
