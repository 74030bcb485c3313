"""Fails if TrafficGate has findings."""

from typing import Any

from components.executing import Artifacts, BaseExecutor
from components.traffic_gate.executor import findings, read_traffic
from contract import nodes
from contract.errors import GateRefusedError


class Executor(BaseExecutor):
    """Fails if there are findings."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Reads the verdict; see `TrafficVerdict`.

        Raises:
            GateRefusedError: There are findings.
        """
        found = findings(read_traffic(inputs[nodes.DATA_VERDICT]))
        if found:
            lines = [f"version {version}: {demand}" for version, demand in found]
            raise GateRefusedError(nodes.TRAFFIC_GATE, lines)
