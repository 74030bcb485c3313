"""The component: its input."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.traffic_verdict import executor
from contract import nodes


class TrafficVerdict(Component):
    """Fails when something was found in traffic, with the findings as its last words.

    The local runner says it by its exit code; on Kubeflow the state of a run is all
    that a schedule or an alert looks at.

    Input `verdict`: from TrafficGate.
    """

    EXECUTOR = executor.Executor
    INPUTS = {nodes.DATA_VERDICT: standard_artifacts.ExampleAnomalies}
