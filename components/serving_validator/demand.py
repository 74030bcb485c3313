"""Reads ServingValidator's verdict."""

import json
import os

from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.serving_validator.executor import REPORT_FILE
from contract import nodes
from contract.demands import AT_MOST, OVERALL, Demand

FAILED_CHECKS = "failed_checks"


def read_withdrawn(folder: str) -> set[str]:
    """Returns signatures whose marker proved wrong; see `contract.rows_apart`.

    Args:
        folder: Folder of the `blessing` artifact; those of other validators have no
            report.
    """
    if not fileio.exists(os.path.join(folder, REPORT_FILE)):
        return set()
    return set(_read(folder).get("withdrawn", ()))


def read_demand(folder: str) -> Demand:
    """Reads a blessing's report as one demand: no failed checks."""
    failures = _read(folder)["failures"]
    return Demand.compared(
        *(nodes.SERVING_VALIDATOR, FAILED_CHECKS, OVERALL, len(failures), 0, AT_MOST),
        detail="".join(failures[:1]),
    )


def _read(folder: str) -> dict[str, list[str]]:
    return json.loads(io_utils.read_string_file(os.path.join(folder, REPORT_FILE)))
