"""Stores the inputs of the compiler, from which a pod builds its node again."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from components.image_example_gen.hints import Hints
from contract.provenance import Provenance
from pipeline.config import Config
from pipeline.schema import judgement

VARIABLE = "PIPELINE_COMPILED_FROM"
"""Environment variable of a node with its `Origin`. KFP's cache ignores environment
variables, so that a change for one node does not make all nodes run again."""

NOTHING = "{}"
"""Text of an origin in which nothing differs from the code's defaults. A node with it
has no such variable."""


@dataclass(frozen=True)
class Origin:
    """The inputs from which a pod builds its node with the same code as the compiler.

    Attributes:
        settings: The configuration where it differs from the code's defaults.
        name: Name of the model; empty for a node that does not need it, as the other
            fields.
        data: Place of the data, see `compile_pipeline`.
        fingerprint: Digest of the data's content, or empty.
        schema: Text of the user's schema; empty for the schema in the code.
        provenance: Provenance of the compiling side.
        log: Place of the request log, in the monitoring pipeline only; else empty.
    """

    settings: dict[str, Any]
    name: str
    data: str
    fingerprint: str
    schema: str = ""
    provenance: Provenance = field(default_factory=Provenance)
    log: str = ""

    @property
    def config(self) -> Config:
        """The whole configuration, including defaults."""
        return Config.model_validate(self.settings)

    @property
    def hints(self) -> Hints:
        """Facts that the data does not contain."""
        return self.config.data.hints(self.name)

    def to_json(self) -> str:
        """Returns JSON without empty values; equal origins give the same text."""
        content = asdict(self)
        content["provenance"] = _filled(content["provenance"])
        return json.dumps(_filled(content), sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> Origin:
    """Returns the origin from the text of `to_json`."""
    empty = {"settings": {}, "name": "", "data": "", "fingerprint": ""}
    content = {**empty, **json.loads(text)}
    content["provenance"] = Provenance(**content.get("provenance", {}))
    return Origin(**content)


def of(
    config: Config, name: str, data: str, fingerprint: str, provenance: Provenance
) -> Origin:
    """Returns the origin of a pipeline; see `compile_pipeline` for the arguments."""
    settings = config.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    path = config.data.schema_path
    schema = judgement(path) if path else ""
    return Origin(settings, name, data, fingerprint, schema, provenance)


def _filled(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if value not in ("", {}, None)}
