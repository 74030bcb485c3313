"""Reads Pusher's verdict."""

from tfx import types

from contract import nodes, properties
from contract.demands import AT_MOST, OVERALL, ROLLED_BACK_FROM, Demand


def read_demands(pushed: types.Artifact) -> list[Demand]:
    """Returns the failed demand of a model that was held back; else an empty list."""
    why = pushed.get_string_custom_property(properties.HELD_BACK)
    if not why:
        return []
    return [
        Demand(nodes.PUSHER, ROLLED_BACK_FROM, OVERALL, 1, 0, AT_MOST, detail=why),
    ]
