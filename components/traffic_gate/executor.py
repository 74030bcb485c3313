"""Judges each version's traffic, and writes the verdict and the page."""

import heapq
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from tfx import types
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.data_gate.executor import load_schema, load_statistics
from components.executing import Artifacts, BaseExecutor
from components.image_example_gen.examples import read_blocks
from components.report.data import describe_split
from components.report.page import MONITORING, Page
from components.report.rows import read_images
from components.report.traffic import sections
from components.request_log_example_gen.executor import REQUESTS_FILE
from components.request_log_example_gen.private import keep_picture
from components.request_log_example_gen.selection import UNKNOWN
from components.statistics_gen.reading import STATISTICS_FILE
from components.traffic_gate import judgement
from components.traffic_gate.facts import (
    Furthest,
    TrafficFacts,
    Truth,
    VersionFacts,
)
from contract import features, nodes, progress, properties
from contract.demands import Demand
from contract.estimation import Counts, of_counts
from contract.features import TRAIN
from contract.reliability import Reliability, read_reliability
from contract.task import Task, task_of_examples
from version_store import versions
from version_store.manifest import readable_manifest

MODELS_KEY = "models"
MAX_NOVEL_SHARE_KEY = "max_novel_share"
MAX_ACCURACY_FALL_KEY = "max_accuracy_fall"
PICTURES_KEY = "pictures"

TRAFFIC_FILE = "traffic.json"
PAGE_FILE = "report.html"


class Executor(BaseExecutor):
    """Writes the `verdict` and the `page`."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Judges the traffic; see `TrafficGate`."""
        examples, page = inputs[nodes.EXAMPLES], outputs[nodes.PAGE]
        task = task_of_examples(examples.uri)
        requests = json.loads(
            io_utils.read_string_file(os.path.join(examples.uri, REQUESTS_FILE))
        )
        judge = _Judge(inputs, parameters, task, page.uri, requests["labels"])
        facts = TrafficFacts(
            model=os.path.basename(parameters[MODELS_KEY].rstrip("/")),
            task=task,
            versions=tuple(
                judge.version(name, known)
                for name, known in requests["versions"].items()
            ),
            labels=requests["labels"],
            of_others=sum(requests["of_others"].values()),
            without_answers=requests["without_answers"],
            torn_files=requests["torn_files"],
            torn_bytes=requests["torn_bytes"],
        )
        verdict = outputs[nodes.DATA_VERDICT]
        verdict.set_int_custom_property(properties.FINDINGS, len(facts.findings))
        io_utils.write_string_file(
            os.path.join(verdict.uri, TRAFFIC_FILE),
            json.dumps(facts.as_dict(), indent=2, ensure_ascii=False),
        )
        made = Page(facts.model, order=MONITORING).having(*sections(facts))
        io_utils.write_string_file(os.path.join(page.uri, PAGE_FILE), made.render())
        if facts.findings:
            progress.tell_refused(f"{len(facts.findings)} findings")


def read_traffic(artifact: types.Artifact) -> dict[str, Any]:
    """Reads `traffic.json` in a verdict artifact; see `TrafficFacts.as_dict`."""
    path = os.path.join(artifact.uri, TRAFFIC_FILE)
    content: dict[str, Any] = json.loads(io_utils.read_string_file(path))
    return content


def findings(traffic: Mapping[str, Any]) -> list[tuple[str, Demand]]:
    """Returns the versions and failed demands in the content of `traffic.json`."""
    return [(one["version"], Demand.from_dict(one)) for one in traffic["findings"]]


@dataclass
class _Seen:
    """Results of one pass over the examples of a version.

    Attributes:
        answered: Number of pictures that were answered with each class.
        counts: Counts for the estimate; None without reliability or novelty.
        oddest: The pictures that are furthest from training, as a heap: distance, row
            among the examples, and facts about the picture.
    """

    answered: np.ndarray
    counts: Counts | None = None
    oddest: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)


class _Judge:
    def __init__(
        self,
        inputs: Artifacts,
        parameters: dict[str, Any],
        task: Task,
        page: str,
        labels: int,
    ) -> None:
        self._examples = inputs[nodes.EXAMPLES]
        self._statistics = load_statistics(inputs[nodes.STATISTICS])
        self._schema = load_schema(inputs[nodes.SCHEMA])
        self._models = parameters[MODELS_KEY]
        self._bounds = judgement.Bounds(
            parameters[MAX_NOVEL_SHARE_KEY], parameters[MAX_ACCURACY_FALL_KEY]
        )
        self._most = parameters[PICTURES_KEY]
        self._task, self._page, self._labels = task, page, labels

    def version(self, name: str, known: dict[str, Any]) -> VersionFacts:
        split = artifact_utils.get_split_uri([self._examples], name)
        statistics = self._statistics[name]
        anomalies = judgement.against_schema(statistics, self._schema, name)
        gates = [judgement.of_schema(anomalies)]
        not_judged: list[str] = []
        folder = self._folder(name, not_judged)
        reliability = self._reliability(folder, name, not_judged)
        seen = self._look(split, reliability)
        facts: dict[str, Any] = {}
        if training := _training_of(folder):
            if known["pictures"] >= judgement.LEAST_PICTURES:
                gates += judgement.of_distances(
                    statistics, training, self._schema, name
                )
            else:
                not_judged.append(
                    f"the distribution of pixels, of fewer than "
                    f"{judgement.LEAST_PICTURES} pictures"
                )
            trained = describe_split(TRAIN, training, self._task).counts
            found_shares = judgement.shares(
                seen.answered, np.array(trained), self._schema
            )
            facts["shares"] = found_shares
            gates += judgement.of_shares(found_shares, self._task)
        elif folder:
            not_judged.append(
                f"drift and shares of classes: version {name} carries no statistics"
            )
        if reliability is not None and seen.counts is not None:
            estimate = of_counts(reliability, seen.counts)
            facts["estimate"] = estimate
            gates += judgement.of_estimate(estimate, reliability.accuracy, self._bounds)
        if "rows" in known and sum(known["rows"]):
            truth = Truth(tuple(known["rows"]), tuple(known["right"]))
            facts["truth"] = truth
            pushed = _accuracy_then(folder)
            if pushed is None:
                not_judged.append("the true accuracy: its value at the push is unknown")
            else:
                gates.append(judgement.of_truth(truth, pushed, self._bounds))
        elif self._labels:
            not_judged.append(
                f"the true accuracy: none of the {self._labels:,} labels is of a "
                f"request that version {name} answered: are the request ids right?"
            )
        return VersionFacts(
            version=name,
            **{key: known[key] for key in _KNOWN},
            gates=tuple(gates),
            not_judged=tuple(not_judged),
            anomalies=tuple(anomalies),
            furthest=tuple(self._furthest(split, seen)),
            **facts,
        )

    def _folder(self, name: str, not_judged: list[str]) -> str:
        """Returns the folder of a version; empty, with a notice, if it is missing."""
        if name == UNKNOWN:
            not_judged.append(
                "all but the schema: the version that answered is unknown"
            )
            return ""
        folder = versions.version_path(self._models, int(name))
        if not os.path.isdir(folder):
            not_judged.append(
                f"all but the schema: version {name} is not in {self._models} any more"
            )
            return ""
        return folder

    def _reliability(
        self, folder: str, name: str, not_judged: list[str]
    ) -> Reliability | None:
        found = read_reliability(folder) if folder else None
        if folder and found is None:
            not_judged.append(
                f"estimated accuracy, and pictures that do not belong to the task: "
                f"version {name} was pushed before the Trainer measured how reliable "
                "its confidences are"
            )
        return found

    def _look(self, split: str, reliability: Reliability | None) -> _Seen:
        """Reads the examples of a version, one block at a time."""
        classes = len(self._task.classes)
        seen = _Seen(np.zeros(classes, np.int64))
        first = 0
        for block in read_blocks(split, self._task):
            parsed = {
                name: tensor.numpy()
                for name, tensor in tf.io.parse_example(block, _spec(classes)).items()
            }
            answers = parsed[features.PREDICTION]
            probabilities = parsed[features.ANSWER]
            seen.answered += np.bincount(answers, minlength=classes)
            novelty = parsed[features.NOVELTY]
            if reliability is not None and not np.isnan(novelty).all():
                counts = Counts.of(reliability, probabilities, novelty)
                seen.counts = counts if seen.counts is None else seen.counts + counts
            self._keep_oddest(seen, parsed, first)
            first += len(answers)
        return seen

    def _keep_oddest(
        self, seen: _Seen, parsed: Mapping[str, np.ndarray], first: int
    ) -> None:
        novelty = parsed[features.NOVELTY]
        confidence = parsed[features.ANSWER].max(axis=1)
        odd = np.where(np.isnan(novelty), 1 - confidence, novelty)
        for place in np.argsort(odd)[::-1][: self._most]:
            told = None if np.isnan(novelty[place]) else float(novelty[place])
            about = {
                "request_id": parsed[features.REQUEST_ID][place].decode(),
                "row": int(parsed[features.ROW][place]),
                "answer": int(parsed[features.PREDICTION][place]),
                "confidence": float(confidence[place]),
                "novelty": told,
            }
            heapq.heappush(seen.oddest, (float(odd[place]), int(first + place), about))
        seen.oddest = heapq.nlargest(self._most, seen.oddest)

    def _furthest(self, split: str, seen: _Seen) -> Iterator[Furthest]:
        """Writes the furthest pictures to files, and yields their facts."""
        rows = [row for _, row, _ in seen.oddest]
        images = read_images(split, self._task, rows)
        for _, row, about in seen.oddest:
            file = keep_picture(self._page, about["request_id"], images[row])
            yield Furthest(**about, file=file)


_KNOWN = ("logged", "read", "pictures", "first", "last")


def _spec(classes: int) -> dict[str, Any]:
    """Returns the features that are parsed from an example: all except the image."""
    one = tf.io.FixedLenFeature
    return {
        features.PREDICTION: one([], tf.int64),
        features.ANSWER: one([classes], tf.float32),
        features.NOVELTY: one([], tf.float32, default_value=np.nan),
        features.REQUEST_ID: one([], tf.string),
        features.ROW: one([], tf.int64),
    }


def _training_of(folder: str) -> Any:
    """Reads the statistics of a version's training split; None if it has none."""
    path = os.path.join(
        folder, versions.STATISTICS_FOLDER, f"Split-{TRAIN}", STATISTICS_FILE
    )
    if not folder or not os.path.exists(path):
        return None
    import tensorflow_data_validation as tfdv

    return tfdv.load_stats_binary(path)


def _accuracy_then(folder: str) -> float | None:
    manifest = readable_manifest(folder) if folder else None
    return manifest.test_accuracy if manifest else None
