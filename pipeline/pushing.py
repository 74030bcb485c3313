"""How a model arrives where it is served: `[push]`."""

from typing import Literal

from pipeline.section import Section
from serving.client.channel import DEFAULT_ADDRESS


class Push(Section):
    """How a model that passed the gates is served.

    Attributes:
        arrive_as: `stable`: to all callers; `canary`: on trial beside the stable
            version, for those who ask for the label canary, until a person promotes or
            withdraws it (`python -m version_store`).
        server: gRPC address of the servers, which are asked whether they have a version
            before it is labelled; each address that the name has is asked. Nothing is
            asked while no version is labelled.
    """

    arrive_as: Literal["stable", "canary"] = "stable"
    server: str = DEFAULT_ADDRESS
