"""Declares the component `TrafficVerdict`."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.traffic_verdict import executor
from contract import nodes


class TrafficVerdict(Component):
    """Fails if there are findings in the traffic, with the findings in its error.

    On Kubeflow a schedule or an alert may only see the state of a run. The local runner
    does the same with its exit code.

    Input `verdict`: from TrafficGate.
    """

    EXECUTOR = executor.Executor
    INPUTS = {nodes.DATA_VERDICT: standard_artifacts.ExampleAnomalies}
