"""The last line of KFP's launcher is explained; the lines are recorded ones."""

import re

import pytest

from runner.kubeflow.deployment import Limits
from runner.kubeflow.launcher_words import LAST_LINE, explain

LIMITS = Limits(memory=4, seconds=900)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "F1126 00:09:51.287706       1 main.go:58] failed to execute component: "
            "exit status 2",
            "exit status 2",
        ),
        (
            "F1126 00:46:01.833032       1 main.go:59] failed to execute component: "
            "signal: killed",
            "signal: killed",
        ),
    ],
)
def test_it_is_known_by_its_form(line: str, reason: str) -> None:
    found = re.fullmatch(LAST_LINE, line)
    assert found is not None
    assert found[1] == reason


def test_the_line_before_it_is_not_it() -> None:
    line = (
        "E1126 00:46:01.751107       1 launcher_v2.go:449] Component failed to "
        "execute successfully: signal: killed"
    )
    assert re.fullmatch(LAST_LINE, line) is None


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "ended without a message: it ran for more than its 900 s, needed mo"),
        ("signal: killed", "was killed: it needed more than its 4 GB of memory, or"),
        ("exit status 137", "was killed: it needed more than its 4 GB of memory, or"),
        ("exit status 1", "ended without a reason (exit status 1)"),
        ("signal: segmentation fault", "ended without a reason (signal: segmentat"),
        (
            'unable to create directory "/minio/x": mkdir /minio: permission denied',
            "was not started: this Kubeflow Pipelines is too old for the image",
        ),
        (
            "failed to fetch non default buckets: failed to open bucket: open "
            'blob.Bucket: no driver registered for "minio"',
            "was not started: KFP's launcher cannot read the object store",
        ),
        (
            'failed to upload output artifact "examples" to remote storage URI '
            '"minio://b/x": operation error S3: PutObject, api error NoSuchBucket',
            "ran, but KFP's launcher could not store what it made: failed to upload",
        ),
        (
            'failed to download input artifact "imported_data": Invalid region',
            "was not started: KFP's launcher cannot read the object store",
        ),
        (
            "failed to publish results to ML Metadata: no such host",
            "was not run to its end by KFP's launcher: failed to publ",
        ),
    ],
)
def test_each_reason_has_its_words(reason: str, words: str) -> None:
    assert explain(reason, LIMITS).startswith(words)
