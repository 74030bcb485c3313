"""Converts manifests of earlier formats to today's format."""

from typing import Any

from contract import nodes
from contract.demands import AT_LEAST, AT_MOST, OVERALL

_SIGNS = {">=": AT_LEAST, "<=": AT_MOST}


def as_of_today(content: Any) -> Any:
    """Returns a manifest's content with today's keys; today's format is unchanged.

    In format 2, of version 0.1, gates were texts, and classes were called digits.
    """
    if not isinstance(content, dict) or content.get("manifest_version") != 2:
        return content
    content = dict(content)
    if isinstance(content.get("metrics"), dict):
        metrics = dict(content["metrics"])
        metrics["classes"] = metrics.pop("digits", None)
        content["metrics"] = metrics
    if isinstance(content.get("gates"), list):
        content["gates"] = [_demand(gate) for gate in content["gates"]]
    if isinstance(content.get("code"), dict):
        content["code"] = {
            nodes.FORMER_IDS.get(node, node): code
            for node, code in content["code"].items()
        }
    return content


def _demand(gate: Any) -> Any:
    """Parses a gate's text into numbers; a gate with numbers is unchanged."""
    if not isinstance(gate, dict) or "direction" in gate:
        return gate
    metric, of_slice = str(gate["metric"]), OVERALL
    if metric.startswith("digit "):
        metric, of_slice = "accuracy", metric.removeprefix("digit ")
    sign, _, bound = str(gate["bound"]).partition(" ")
    passed = bool(gate["passed"])
    value, detail, limit = _number(gate["value"]), "", _number(bound)
    if sign not in _SIGNS:
        # DataGate had to find nothing, and ServingValidator the trainer's answers.
        sign, limit = "<=", 0
        if metric == "answers":
            metric, detail = "failed_checks", "" if passed else str(gate["value"])
            value = int(not passed)
        elif value is not None:
            value = int(value)
    return {
        "gate": gate["gate"],
        "metric": metric.replace(" ", "_"),
        "slice": of_slice,
        "value": value,
        "bound": limit,
        "direction": _SIGNS[sign],
        "champion": _number(gate["champion"]),
        "passed": passed,
        "overruled": bool(gate.get("overridden")),
        "detail": detail,
    }


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
