"""TrafficGate makes the verdict and the page from examples of requests."""

import json
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from components.artifact import HTML
from components.image_example_gen import digits
from components.image_example_gen.examples import SplitWriter, encode
from components.report.page import MONITORING, Page
from components.traffic_gate.executor import Executor, findings, read_traffic
from components.traffic_verdict import executor as traffic_verdict
from contract.errors import GateRefusedError
from contract.reliability import RELIABILITY_FILE, measure
from serving.request_logs.forgetting import PICTURES, forget_in_output
from tests.components.datasets import Dataset, Examples
from tests.request_logs import NOW, sure_of
from tests.tasks import write_task

ROWS = 200


@pytest.fixture
def models(
    tmp_path: Path,
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
    all_digits: Dataset,
) -> Path:
    """A model's folder, with a version's statistics and reliability."""
    version = tmp_path / "models" / "digits" / "7"
    training = version / "statistics" / "Split-train"
    training.mkdir(parents=True)
    found = describe(make_examples(range(600)))
    (training / "FeatureStats.pb").write_bytes(found.SerializeToString())
    (version / "saved_model.pb").touch()
    labels = all_digits.train_labels[:1000]
    answers = np.where(np.arange(1000) < 50, (labels + 1) % 10, labels)
    held = measure(sure_of(answers, 10), labels, np.linspace(0, 1, 1000))
    path = version / RELIABILITY_FILE
    path.parent.mkdir()
    path.write_text(held.to_json())
    return version.parent


@dataclass(frozen=True)
class Judged:
    """The results: `traffic.json`, the page and its folder, and the verdict."""

    facts: dict[str, Any]
    page: Page
    folder: Path
    verdict: Any

    @property
    def metrics(self) -> list[str]:
        """Returns the findings, by metric."""
        return [demand.metric for _, demand in findings(self.facts)]

    @property
    def version(self) -> dict[str, Any]:
        """Returns the facts about the only version."""
        [version] = self.facts["versions"]
        return dict(version)


Judge = Callable[..., Judged]


@pytest.fixture
def judge(
    artifact: Callable[..., Any],
    store: Callable[..., Any],
    describe: Callable[[Examples], Any],
    make_examples: Callable[..., Examples],
    schema: schema_pb2.Schema,
    models: Path,
    all_digits: Dataset,
) -> Judge:
    """Returns a function that runs the executor on requests with some digits."""

    def judge(
        rows: Iterable[int] = range(ROWS),
        invert: bool = False,
        novelty: float | None = 0.5,
        version: str = "7",
        ids: str = "r-{}",
        late_labels: int = 0,
    ) -> Judged:
        chosen = np.array(list(rows))
        images = all_digits.train_images[chosen]
        labels = all_digits.train_labels[chosen]
        examples = artifact(standard_artifacts.Examples, splits=[version])
        write_task(examples.uri, digits.TASK)
        count = len(chosen)
        known = {"logged": 1000, "read": count, "pictures": count}
        times = {"first": NOW, "last": NOW + 60}
        requests = {
            "versions": {version: known | times},
            **{
                "labels": late_labels,
                "of_others": {"letters 1": 2},
                "without_answers": 3,
            },
            **{"torn_files": 1, "torn_bytes": 99},
        }
        Path(examples.uri, "requests.json").write_text(json.dumps(requests))
        columns = {
            "image": (255 - images if invert else images).reshape(count, -1),
            "probabilities": sure_of(labels, 10),
            "prediction": labels[:, None],
            "request_id": np.array(
                [[ids.format(row).encode()] for row in chosen], object
            ),
            "row": np.zeros((count, 1)),
        }
        floats = {"probabilities"}
        if novelty is not None:
            spread = np.linspace(0, 2 * novelty, count)
            columns["novelty"] = spread[:, None]
            floats.add("novelty")
        typed = {
            name: values
            if values.dtype == object
            else values.astype(np.float32 if name in floats else np.int64)
            for name, values in columns.items()
        }
        writer = SplitWriter(str(Path(examples.uri, f"Split-{version}")), None, 1000)
        writer.write_serialized(encode(typed))
        writer.close()
        traffic = describe(make_examples(chosen, invert))
        del traffic.datasets[0].features[1:]
        of_schema = artifact(standard_artifacts.Schema)
        io_utils.write_pbtxt_file(str(Path(of_schema.uri, "schema.pbtxt")), schema)
        verdict, page = artifact(standard_artifacts.ExampleAnomalies), artifact(HTML)
        statistics = store(standard_artifacts.ExampleStatistics, {version: traffic})
        Executor().Do(
            {
                "examples": [examples],
                "statistics": [statistics],
                "schema": [of_schema],
            },
            {"verdict": [verdict], "page": [page]},
            {
                "models": str(models),
                "max_novel_share": 0.03,
                "max_accuracy_fall": 0.05,
                "pictures": 5,
            },
        )
        text = Path(page.uri, "report.html").read_text()
        facts = read_traffic(verdict)
        assert verdict.get_int_custom_property("findings") == len(findings(facts))
        parsed = Page.parse(text, MONITORING)
        return Judged(facts, parsed, Path(page.uri), verdict)

    return judge


def test_traffic_like_the_training_has_no_finding(judge: Judge) -> None:
    judged = judge(range(700, 1200))
    assert judged.metrics == []
    assert judged.version["estimate"]["value"] == pytest.approx(0.95, abs=0.001)
    assert judged.page.sections["verdict"].facts["kind"] == "quiet"


def test_negatives_have_drifted_from_what_the_version_was_trained_on(
    judge: Judge,
) -> None:
    judged = judge(invert=True)
    assert judged.metrics == ["image_drift"]
    headline = judged.page.sections["verdict"].facts["headline"]
    assert headline == "1 finding in the traffic"


def test_a_missing_label_is_no_finding_where_people_ask(judge: Judge) -> None:
    assert judge().version["anomalies"] == []


def test_pictures_that_are_not_of_the_task(judge: Judge) -> None:
    assert "novel_share" in judge(novelty=0.8).metrics


def test_the_furthest_pictures_are_files_named_by_their_request(judge: Judge) -> None:
    judged = judge()
    furthest = judged.version["furthest"]
    assert [one["request_id"] for one in furthest] == [
        f"r-{row}" for row in range(ROWS - 1, ROWS - 6, -1)
    ]
    folder = judged.folder
    files = {str(path.relative_to(folder)) for path in folder.glob("*/*.png")}
    assert files == {one["file"] for one in furthest}
    html = judged.page.sections["traffic"].html
    assert all(f'src="{file}"' in html for file in files)
    assert "base64" not in html


def test_requests_of_one_id_have_a_picture_each(judge: Judge) -> None:
    judged = judge(ids="twice")
    files = {one["file"] for one in judged.version["furthest"]}
    assert files == {
        str(path.relative_to(judged.folder)) for path in judged.folder.glob("*/*.png")
    }
    assert len(files) == 5
    assert forget_in_output(str(judged.folder), "twice") == 5


def test_nobody_else_reads_the_pictures(judge: Judge) -> None:
    folder = judge().folder / PICTURES
    modes = [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()]
    assert modes == [0o600] * 5
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_request_whose_id_was_lost_has_no_picture(judge: Judge) -> None:
    judged = judge(ids="")
    assert [one["file"] for one in judged.version["furthest"]] == [""] * 5
    assert not [*judged.folder.glob("*/*.png")]
    assert "the request has no id" in judged.page.sections["traffic"].html


def test_a_version_that_cannot_tell_novel_pictures_shows_the_least_sure(
    judge: Judge, models: Path
) -> None:
    (models / "7" / RELIABILITY_FILE).unlink()
    version = judge(novelty=None).version
    assert version["estimate"] is None
    assert "was pushed before the Trainer measured" in version["not_judged"][0]
    assert len(version["furthest"]) == 5


@pytest.mark.parametrize(
    ("version", "why"),
    [("unknown", "the version that answered is unknown"), ("8", "version 8 is not in")],
)
def test_a_version_that_is_not_known_is_held_to_the_schema_alone(
    judge: Judge, version: str, why: str
) -> None:
    known = judge(version=version).version
    assert [gate["metric"] for gate in known["gates"]] == ["findings"]
    [line] = known["not_judged"]
    assert line.startswith(f"all but the schema: {why}")


def test_labels_of_other_requests_are_not_passed_over_in_silence(
    judge: Judge,
) -> None:
    [line] = judge(range(700, 1200), late_labels=1200).version["not_judged"]
    assert line.startswith(
        "the true accuracy: none of the 1,200 labels is of a request"
    )


def test_of_few_pictures_the_pixels_are_not_judged(judge: Judge) -> None:
    assert "of fewer than 100" in " ".join(judge(range(30)).version["not_judged"])


def test_the_page_says_what_was_passed_over(judge: Judge) -> None:
    html = judge().page.sections["traffic"].html
    assert "2 requests of other models" in html
    assert "3 without pictures" in html


def test_on_kubeflow_a_finding_fails_the_run_with_what_was_found(
    judge: Judge,
) -> None:
    bad, good = judge(invert=True), judge(range(700, 1200))
    with pytest.raises(GateRefusedError, match="version 7: TrafficGate: image drift"):
        traffic_verdict.Executor().Do({"verdict": [bad.verdict]}, {}, {})
    traffic_verdict.Executor().Do({"verdict": [good.verdict]}, {}, {})
