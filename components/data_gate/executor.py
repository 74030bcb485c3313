"""Judges the data from its statistics and anomalies, and writes the verdict."""

import json
import logging
import os
from dataclasses import asdict
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.data_gate import checks, leakage
from components.executing import Artifacts, BaseExecutor
from components.statistics_gen.reading import STATISTICS_FILE, Statistics
from contract import nodes, properties
from contract.errors import GateRefusedError
from contract.features import TRAIN

ALLOW_KEY = "allow_anomalies"
MAX_DUPLICATES_KEY = "max_duplicates"

VERDICT_FILE = "verdict.json"

_ANOMALIES_FILE = "SchemaDiff.pb"


class Executor(BaseExecutor):
    """Fails on a finding, unless findings are allowed."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Writes the `verdict` artifact; see `DataGate`.

        Raises:
            GateRefusedError: There are findings, and they are not allowed.
        """
        champion = inputs[nodes.CHAMPION_STATISTICS]
        version = champion.get_string_custom_property(properties.CHAMPION_VERSION)
        findings, _ = judge(
            schema=inputs[nodes.SCHEMA],
            statistics=inputs[nodes.STATISTICS],
            anomalies=inputs[nodes.ANOMALIES],
            champion=champion,
        )
        findings += leakage.findings(
            inputs[nodes.EXAMPLES], parameters[MAX_DUPLICATES_KEY]
        )
        overridden = bool(findings) and bool(parameters[ALLOW_KEY])
        if findings and not overridden:
            raise GateRefusedError(
                nodes.DATA_GATE, [str(finding) for finding in findings]
            )

        for finding in findings:
            logging.warning("%s overruled: %s", nodes.DATA_GATE, finding)
        verdict = outputs[nodes.DATA_VERDICT]
        verdict.set_int_custom_property(properties.OVERRIDDEN, int(overridden))
        verdict.set_int_custom_property(properties.FINDINGS, len(findings))
        io_utils.write_string_file(
            os.path.join(verdict.uri, VERDICT_FILE),
            json.dumps(
                {
                    "findings": [asdict(finding) for finding in findings],
                    "overridden": overridden,
                    "compared_with_version": version or None,
                },
                indent=2,
            ),
        )


def judge(
    schema: types.Artifact,
    statistics: types.Artifact,
    anomalies: types.Artifact,
    champion: types.Artifact,
) -> tuple[list[checks.Finding], list[checks.Comparison]]:
    """Returns all findings, those against the schema first, and the comparisons."""
    contract = load_schema(schema)
    current = load_statistics(statistics)
    found = {}
    for split, uri in _split_uris(anomalies).items():
        with fileio.open(os.path.join(uri, _ANOMALIES_FILE), "rb") as stream:
            found[split] = anomalies_pb2.Anomalies.FromString(stream.read())
    comparisons = list(checks.between_splits(current, contract, reference=TRAIN))
    if version := champion.get_string_custom_property(properties.CHAMPION_VERSION):
        before = load_statistics(champion)
        comparisons += checks.since(current, contract, before, version)
    findings = checks.against_schema(found, current)
    return findings + [f for one in comparisons for f in one.findings()], comparisons


def load_schema(artifact: types.Artifact) -> schema_pb2.Schema:
    """Reads the schema in a Schema artifact."""
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(artifact.uri))


def load_statistics(artifact: types.Artifact) -> dict[str, Statistics]:
    """Reads the statistics in an ExampleStatistics artifact, by split."""
    return {
        split: tfdv.load_stats_binary(os.path.join(uri, STATISTICS_FILE))
        for split, uri in _split_uris(artifact).items()
    }


def _split_uris(artifact: types.Artifact) -> dict[str, str]:
    return {
        split: artifact_utils.get_split_uri([artifact], split)
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }
