"""Pusher's verdict, read back."""

from tfx import types

from contract import nodes, properties
from contract.demands import AT_MOST, OVERALL, ROLLED_BACK_FROM, Demand


def read_demands(pushed: types.Artifact) -> list[Demand]:
    """Returns the demand that a model failed which is not to be served; else none."""
    why = pushed.get_string_custom_property(properties.HELD_BACK)
    if not why:
        return []
    return [
        Demand(nodes.PUSHER, ROLLED_BACK_FROM, OVERALL, 1, 0, AT_MOST, detail=why),
    ]
