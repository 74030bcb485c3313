"""Fails if TrafficGate found something."""

from typing import Any

from components.executing import Artifacts, BaseExecutor
from components.traffic_gate.executor import findings, read_traffic
from contract import nodes
from contract.errors import GateRefusedError


class Executor(BaseExecutor):
    """Fails unless nothing was found."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Reads the verdict; see `TrafficVerdict`.

        Raises:
            GateRefusedError: Something was found.
        """
        found = findings(read_traffic(inputs[nodes.DATA_VERDICT]))
        if found:
            lines = [f"version {version}: {demand}" for version, demand in found]
            raise GateRefusedError(nodes.TRAFFIC_GATE, lines)
