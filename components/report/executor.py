"""Makes the sections for which it has inputs, and adds them to the page so far."""

import logging
import os
from dataclasses import replace
from typing import Any

from tfx import types
from tfx.utils import io_utils

from components.data_gate.checks import Finding
from components.executing import Artifacts, BaseExecutor
from components.pusher.facts import Folders, read_demands
from components.report import metrics, page, sections, standing
from components.report.run import RunFacts, commands, versions
from contract import nodes
from contract.demands import Demand

SO_FAR_KEY = "so_far"
MODEL_NAME_KEY = "model_name"
RUN_KEY = "run"
ALLOW_ANOMALIES_KEY = "allow_anomalies"

PAGE_FILE = "report.html"


class Executor(BaseExecutor):
    """Writes the page; see `Report`."""

    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Writes the page and the numbers; see `Report` for the inputs."""
        so_far = page.Page(parameters[MODEL_NAME_KEY])
        if earlier := inputs.get(SO_FAR_KEY):
            so_far = read_page(earlier)
        allow_anomalies = bool(parameters[ALLOW_ANOMALIES_KEY])
        made = replace(
            grown(so_far, inputs, allow_anomalies),
            run=parameters.get(RUN_KEY) or "",
        )
        output = outputs[nodes.PAGE].uri
        io_utils.write_string_file(os.path.join(output, PAGE_FILE), made.render())
        if nodes.METRICS in outputs:
            try:
                metrics.write(
                    inputs, outputs[nodes.METRICS], outputs[nodes.CLASSIFICATION]
                )
            except Exception:
                # As for a section of the page: a fault must not make the run fail.
                logging.exception("report: the numbers could not be handed on")


def read_page(artifact: types.Artifact) -> page.Page:
    """Reads the page in a `page` artifact."""
    path = os.path.join(artifact.uri, PAGE_FILE)
    return page.Page.parse(io_utils.read_string_file(path))


def grown(
    so_far: page.Page, inputs: sections.Inputs, allow_anomalies: bool
) -> page.Page:
    """Returns the page with the new sections and the run's current verdict."""
    grown = sections.completed(so_far, inputs, allow_anomalies)
    stands = _verdict(grown, inputs)
    next_ones = commands(grown.model, None) if stands.version else {}
    return with_head(grown, stands, RunFacts(versions(), commands=next_ones))


def with_head(
    so_far: page.Page, stands: standing.Verdict, of_run: RunFacts
) -> page.Page:
    """Returns the page with the sections of the verdict and the run."""
    return so_far.having(
        sections.guarded(
            page.VERDICT, lambda: sections.verdict_section(stands, so_far.sections)
        ),
        sections.guarded(page.RUN, lambda: sections.run_section(of_run)),
    )


def _verdict(made: page.Page, inputs: sections.Inputs) -> standing.Verdict:
    """Returns the run's verdict from the page and the inputs."""
    if pushed := inputs.get(nodes.PUSHED_MODEL):
        return standing.of_push(_read_verdict(made), pushed)
    demands: list[Demand] = []
    if made.has(page.DATA):
        data = made.sections[page.DATA].facts
        findings = [Finding(**finding) for finding in data["findings"]]
        of_data = standing.of_data(findings, overruled=data["overruled"])
        if page.MODEL not in made.sections:
            return of_data
        demands += of_data.gates
    return standing.of_gates([*demands, *read_demands(Folders.of(inputs))])


def _read_verdict(made: page.Page) -> standing.Verdict:
    """Reads the verdict in a page."""
    if not made.has(page.VERDICT):
        return standing.of_gates([])
    facts = made.sections[page.VERDICT].facts
    return standing.Verdict(
        facts["kind"],
        facts["headline"],
        tuple(facts["reasons"]),
        tuple(Demand.from_dict(gate) for gate in facts["gates"]),
        facts["version"],
    )
