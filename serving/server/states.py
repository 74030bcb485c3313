"""Defines the states of models and of their versions."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tensorflow_serving.apis import get_model_status_pb2

from serving.server.errors import ServingError
from serving.server.servable import Servable

# START, LOADING, AVAILABLE, UNLOADING and END.
State = get_model_status_pb2.ModelVersionStatus


@dataclasses.dataclass
class Version:
    """One version of a model, and its state."""

    number: int
    path: str
    state: int = State.START
    error: ServingError | None = None
    servable: Servable | None = None
    aspired: bool = True
    attempts: int = 0
    # Whether a loading thread loads it, or will do so next.
    attempting: bool = False
    next_attempt: float = 0.0
    fingerprint: tuple[int, int] | None = None

    @property
    def pending(self) -> bool:
        """Whether it may still become available."""
        return self.state in (State.START, State.LOADING)


@dataclasses.dataclass
class Model:
    """A model that is or was configured."""

    config: Any
    versions: dict[int, Version] = dataclasses.field(default_factory=dict)
    labels: dict[str, int] = dataclasses.field(default_factory=dict)
    configured: bool = True
    # Whether the file system was polled since the configuration changed.
    polled: bool = False
    # Whether the poll failed, for example because the base path is missing.
    poll_failed: bool = False
    # The versions that answer requests, and the highest of their numbers.
    available: dict[int, Version] = dataclasses.field(default_factory=dict)
    latest: int | None = None

    def refresh(self) -> None:
        """Updates `available` and `latest` from the states of the versions."""
        self.available = {
            number: version
            for number, version in self.versions.items()
            if version.state == State.AVAILABLE
        }
        self.latest = max(self.available, default=None)


def not_available(failed: Mapping[str, Sequence[Version]]) -> str:
    """Returns the message of load_servables_fast.cc about versions that failed."""
    items = [
        f"{{name: {name} version: {version.number}}} due to error: {version.error}, "
        for name, broken in failed.items()
        for version in sorted(broken, key=lambda v: v.number)
    ]
    return f"{len(items)} servable(s) did not become available: {{{''.join(items)}}}"
