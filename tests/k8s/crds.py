"""The custom kinds that the manifests use, as strict models.

No package carries their schemas: kubernetes-validate has only Kubernetes' own, and
the classes of the `kserve` and `cloudcoil` packages accept unknown fields. So the
fields that are used are declared here with their types, from upstream's definitions;
all others are refused:

- prometheus-operator/prometheus-operator 0.84.1
  example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml
  and monitoring.coreos.com_prometheusrules.yaml
- kserve/kserve 0.20 config/crd/full/serving.kserve.io_inferenceservices.yaml and
  serving.kserve.io_servingruntimes.yaml

KServe's parts that come from core/v1, a PodSpec and a Container, are checked with
Kubernetes' schemas (see `pods.predictor_pod`).
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tests.k8s.pods import MODEL_FIELDS, PREDICTOR_FIELDS
from tests.k8s.rendering import Manifest

_DURATION = (
    r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?"
    r"(([0-9]+)ms)?)$"
)
Duration = Annotated[str, StringConstraints(pattern=_DURATION, min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Metadata(_Strict):
    """The part of ObjectMeta that users write."""

    name: str
    namespace: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class LabelSelector(_Strict):
    """meta/v1 LabelSelector."""

    matchLabels: dict[str, str] = {}
    matchExpressions: list[dict[str, Any]] = []


class Endpoint(_Strict):
    """monitoring.coreos.com/v1 Endpoint; a Service's port is named, never numbered."""

    port: str
    path: str
    interval: Duration
    scrapeTimeout: Duration


class ServiceMonitorSpec(_Strict):
    """monitoring.coreos.com/v1 ServiceMonitorSpec."""

    selector: LabelSelector
    endpoints: list[Endpoint]
    namespaceSelector: dict[str, Any] = {}
    jobLabel: str = ""


class ServiceMonitor(_Strict):
    """monitoring.coreos.com/v1 ServiceMonitor."""

    apiVersion: Literal["monitoring.coreos.com/v1"]
    kind: Literal["ServiceMonitor"]
    metadata: Metadata
    spec: ServiceMonitorSpec


class Rule(_Strict):
    """monitoring.coreos.com/v1 Rule; promtool checks its content."""

    expr: str
    record: str | None = None
    alert: str | None = None
    for_: Duration | None = Field(None, alias="for")
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class RuleGroup(_Strict):
    """monitoring.coreos.com/v1 RuleGroup."""

    name: str
    rules: list[Rule]


class PrometheusRuleSpec(_Strict):
    """monitoring.coreos.com/v1 PrometheusRuleSpec."""

    groups: list[RuleGroup]


class PrometheusRule(_Strict):
    """monitoring.coreos.com/v1 PrometheusRule."""

    apiVersion: Literal["monitoring.coreos.com/v1"]
    kind: Literal["PrometheusRule"]
    metadata: Metadata
    spec: PrometheusRuleSpec


class ModelFormat(_Strict):
    """serving.kserve.io/v1beta1 ModelFormat."""

    name: Literal["tensorflow"]
    version: str


class Model(_Strict):
    """serving.kserve.io/v1beta1 ModelSpec, without its Container."""

    modelFormat: ModelFormat
    runtime: str
    protocolVersion: Literal["v1", "grpc-v1"]


class Logger(_Strict):
    """serving.kserve.io/v1beta1 LoggerSpec, without its storage."""

    mode: Literal["all", "request", "response"]
    url: str
    metadataHeaders: list[str] = []


class Predictor(_Strict):
    """serving.kserve.io/v1beta1 PredictorSpec, without its PodSpec."""

    model: Model
    logger: Logger | None = None
    minReplicas: int = Field(ge=0)
    maxReplicas: int = Field(ge=1)
    scaleMetric: Literal["cpu", "memory", "concurrency", "rps"]
    scaleTarget: int = Field(ge=1)


class InferenceServiceSpec(_Strict):
    """serving.kserve.io/v1beta1 InferenceServiceSpec."""

    predictor: Predictor


class InferenceService(_Strict):
    """serving.kserve.io/v1beta1 InferenceService."""

    apiVersion: Literal["serving.kserve.io/v1beta1"]
    kind: Literal["InferenceService"]
    metadata: Metadata
    spec: InferenceServiceSpec


class ServingRuntimeSpec(_Strict):
    """serving.kserve.io/v1alpha1 ServingRuntimeSpec, without its PodSpec."""

    annotations: dict[str, str]
    supportedModelFormats: list[ModelFormat]
    protocolVersions: list[Literal["v1", "grpc-v1"]]


class ServingRuntime(_Strict):
    """serving.kserve.io/v1alpha1 ServingRuntime."""

    apiVersion: Literal["serving.kserve.io/v1alpha1"]
    kind: Literal["ServingRuntime"]
    metadata: Metadata
    spec: ServingRuntimeSpec


# The only fields of a PodSpec that a runtime accepts.
_RUNTIME_POD = frozenset(
    [
        "affinity",
        "containers",
        "imagePullSecrets",
        "nodeSelector",
        "tolerations",
        "volumes",
    ]
)


def validate(manifest: Manifest) -> None:
    """Validates an object of one of these kinds.

    Raises:
        pydantic.ValidationError: A field is unknown, missing or of another type.
        KeyError: The object is of another kind.
    """
    by_kind: dict[str, Callable[[Manifest], object]] = {
        "PrometheusRule": PrometheusRule.model_validate,
        "ServiceMonitor": ServiceMonitor.model_validate,
        "InferenceService": _inference,
        "ServingRuntime": _runtime,
    }
    by_kind[manifest["kind"]](manifest)


def _inference(manifest: Manifest) -> None:
    predictor = manifest["spec"]["predictor"]
    own = {key: predictor[key] for key in predictor.keys() & PREDICTOR_FIELDS}
    model = own["model"]
    own["model"] = {key: model[key] for key in model.keys() & MODEL_FIELDS}
    spec = {**manifest["spec"], "predictor": own}
    InferenceService.model_validate({**manifest, "spec": spec})


def _runtime(manifest: Manifest) -> None:
    own = {k: v for k, v in manifest["spec"].items() if k not in _RUNTIME_POD}
    ServingRuntime.model_validate({**manifest, "spec": own})
