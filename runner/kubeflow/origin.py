"""What a pipeline was compiled from, as far as its code does not say it."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from components.image_example_gen.hints import Hints
from contract.provenance import Provenance
from pipeline.config import Config
from pipeline.schema import judgement

VARIABLE = "PIPELINE_COMPILED_FROM"
"""Of a node's environment, which KFP's cache does not look at: what is meant for one
node only is not to make all of them run again."""


@dataclass(frozen=True)
class Origin:
    """From this and its code a pod builds its node as the compiler did.

    Attributes:
        settings: The configuration where it differs from the code's defaults.
        name: Of the model.
        data: See `compile_pipeline`.
        fingerprint: Of the data's content, or empty.
        schema: Text of a schema of one's own; empty: the code's.
        provenance: What is written down of the compiling side.
        log: Where requests are logged: then this is the pipeline that watches traffic.
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
        """The whole configuration."""
        return Config.model_validate(self.settings)

    @property
    def hints(self) -> Hints:
        """What the data do not say of themselves."""
        return self.config.data.hints(self.name)

    def to_json(self) -> str:
        """Returns it as the same text every time, without what is empty."""
        content = asdict(self)
        content["provenance"] = _filled(content["provenance"])
        return json.dumps(_filled(content), sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> Origin:
    """Returns what `to_json` has written."""
    content = {"settings": {}, "data": "", "fingerprint": "", **json.loads(text)}
    content["provenance"] = Provenance(**content.get("provenance", {}))
    return Origin(**content)


def of(
    config: Config, name: str, data: str, fingerprint: str, provenance: Provenance
) -> Origin:
    """Returns the origin of what is compiled with these; see `compile_pipeline`."""
    settings = config.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    path = config.data.schema_path
    schema = judgement(path) if path else ""
    return Origin(settings, name, data, fingerprint, schema, provenance)


def _filled(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if value not in ("", {}, None)}
