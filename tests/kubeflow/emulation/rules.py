"""The behaviour of Kubeflow that the emulation follows, one rule in a line.

To compare it with a new release, read each rule's source there, add the version where
it differs, and run `make test-kubeflow`. `be/` is kubeflow/pipelines' `backend/src/`.
[V] means seen on the real programs, see `../shared/facts/kubeflow-real.md` and the logs
beside the recordings; [R] means only read. The form of a run's list of nodes needs no
rule: recordings are replayed to `submit --wait`
(tests/runner/kubeflow/cli/test_recordings.py).
"""

from dataclasses import dataclass
from typing import Any

VERSIONS = ("2.16", "2.17")


@dataclass(frozen=True)
class Rule:
    """One rule of Kubeflow's behaviour.

    Attributes:
        says: The rule in words.
        values: Values by the first version that has them, until the next one.
        source: Where the rule can be read, or was seen.
    """

    says: str
    values: dict[str, Any]
    source: str

    def at(self, version: str) -> Any:
        """Returns the value for a version."""
        return self.values[max(since for since in self.values if since <= version)]


POD_EXIT_CODE = Rule(
    "A pod ends with 1, whatever its command ended with.",
    {"2.16": 1},
    "be/v2/cmd/launcher-v2/main.go, glog.Fatal [V] 2.16-bad-input-exit-2.log",
)
LAST_LINE = Rule(
    "The reason is the last line of a pod that failed.",
    {
        "2.16": "F1126 00:09:51.287706       1 main.go:58] failed to execute "
        "component: {reason}",
        "2.17": "F1126 00:35:29.035743       1 main.go:59] failed to execute "
        "component: {reason}",
    },
    "be/v2/cmd/launcher-v2/main.go [V] 2.17-datagate-refused-exit-3.log",
)
RETRIED = Rule(
    "What is tried again where a task asks for it: a failure, or only a lost pod.",
    {"2.16": "failure", "2.17": "lost pod"},
    "Argo's default policy, OnFailure, and `workflowDefaults` in manifests/kustomize/"
    "third-party/argo/base/workflow-controller-configmap-patch.yaml, OnError [V]",
)
_NO_REGION = (
    'failed to download input artifact "{key}" from remote storage URI "{uri}": '
    "failed to list objects: Invalid region: region was not a valid DNS name."
)
OTHER_BUCKET = Rule(
    "An input in another bucket than the pipeline root's opens by the pod's "
    "environment or not at all; what the launcher says then, by scheme.",
    {
        "2.16": {
            "minio": "failed to fetch non default buckets: failed to open bucket for "
            'output artifact "{key}" with uri "{uri}": Failed to open bucket: open '
            'blob.Bucket: no driver registered for "minio"',
            "s3": _NO_REGION,
        },
        "2.17": {"minio": _NO_REGION, "s3": _NO_REGION},
    },
    "be/v2/component/launcher_v2.go [V] 2.1x-input-in-another-bucket.log",
)
OPENS_BY_ENVIRONMENT = Rule(
    "Schemes for which a pod's AWS_... environment opens another bucket.",
    {"2.16": ("s3",), "2.17": ("s3", "minio")},
    "be/v2/objectstore [V]",
)
SCRATCH = Rule(
    "The scratch volumes at /minio, /s3 and /gcs are root's, and anybody may write.",
    {"2.16": 0o777},
    "be/v2/compiler/argocompiler/container.go, emptyDir; Kubernetes' default [V]",
)
OUTPUT_FILE = Rule(
    "Where a node writes its outputs' properties: in the task's own folder.",
    {"2.16": "{folder}/output_metadata.json"},
    "be/v2/driver/driver.go, provisionOutputs [V]",
)
KNOWN_BY_CONTAINER = Rule(
    "Of components with the same container the first one's definition is everyone's.",
    {"2.16": True},
    "be/v2/compiler/argocompiler/argo.go, saveComponentSpec [R]",
)
STORE_IN_ARTIFACTS = Rule(
    "How the user interface reaches the store is added to each artifact that does not "
    "say it itself.",
    {"2.16": '{"Provider":"minio","Params":{"fromEnv":"false"}}'},
    "be/v2/metadata/client.go, RecordArtifact [V]",
)
EMPTY_TYPES = Rule(
    "The types of inputs arrive empty.",
    {"2.16": {"instanceSchema": ""}},
    "be/v2/metadata/client.go, ToRuntimeArtifact [V]",
)
