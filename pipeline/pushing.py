"""Settings of the section `push`: how a model that passed the gates is served."""

from typing import Literal

from pipeline.section import Section
from serving.client.channel import DEFAULT_ADDRESS


class Push(Section):
    """How a model that passed the gates is served.

    Attributes:
        arrive_as: `stable`: for all callers; `canary`: beside the stable version, for
            callers that ask for the label canary, until a user promotes or withdraws it
            (`python -m version_store`).
        server: gRPC address of the servers. Before a version is labelled, each address
            of the name is asked whether its server has this version. No server is asked
            while no version is labelled.
    """

    arrive_as: Literal["stable", "canary"] = "stable"
    server: str = DEFAULT_ADDRESS
