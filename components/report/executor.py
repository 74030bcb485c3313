"""Makes the sections that its inputs allow, and adds them to the page so far."""

import os
from dataclasses import replace
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.data_gate.checks import Finding
from components.report import page, sections
from components.report import standing as verdict
from components.report.run import RunFacts, commands, versions
from contract.demands import GateResult
from pipeline.config import Gates

PAGE_KEY = "page"
SO_FAR_KEY = "so_far"
PUSHED_MODEL_KEY = "pushed_model"
MODEL_NAME_KEY = "model_name"
RUN_KEY = "run"
GATES_KEY = "gates"

PAGE_FILE = "report.html"


class Executor(base_executor.BaseExecutor):
    """Writes the page; see `Report`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the `page` artifact; see `Report` for what it reads."""
        self._log_startup(input_dict, output_dict, exec_properties)
        inputs = {
            key: artifact_utils.get_single_instance(artifacts)
            for key, artifacts in input_dict.items()
            if artifacts
        }
        so_far = page.Page(exec_properties[MODEL_NAME_KEY])
        if earlier := inputs.get(SO_FAR_KEY):
            so_far = read_page(earlier)
        made = replace(
            grown(
                so_far,
                inputs,
                Gates.model_validate_json(exec_properties[GATES_KEY]),
            ),
            run=exec_properties.get(RUN_KEY) or "",
        )
        output = artifact_utils.get_single_uri(output_dict[PAGE_KEY])
        io_utils.write_string_file(os.path.join(output, PAGE_FILE), made.render())


def read_page(artifact: types.Artifact) -> page.Page:
    """Returns the page that a `page` artifact holds."""
    path = os.path.join(artifact.uri, PAGE_FILE)
    return page.Page.parse(io_utils.read_string_file(path))


def grown(so_far: page.Page, inputs: sections.Inputs, gates: Gates) -> page.Page:
    """Returns the page with what the inputs have to say, and how the run stands.

    Args:
        so_far: Sections that it has are kept.
        inputs: By the names of `ReportSpec`'s inputs, as far as they are there.
        gates: What the run is held to.
    """
    grown = sections.completed(so_far, inputs, gates)
    stands = _verdict(grown, inputs, gates)
    of_run = RunFacts(
        run="",
        started="",
        seconds=None,
        components=(),
        data="",
        versions=versions(),
        commands=commands(grown.model) if stands.version else {},
    )
    return with_head(grown, stands, of_run)


def with_head(
    so_far: page.Page, stands: verdict.Verdict, of_run: RunFacts
) -> page.Page:
    """Returns the page with how the run stands, and what is known of the run."""
    return so_far.having(
        sections.guarded(
            page.VERDICT,
            lambda: sections.verdict_section(
                stands, sections.headline_numbers(so_far.sections)
            ),
        ),
        sections.guarded(page.RUN, lambda: sections.run_section(of_run)),
    )


def _verdict(made: page.Page, inputs: sections.Inputs, gates: Gates) -> verdict.Verdict:
    """Returns how the run stands, by the page so far and by what is new."""
    if pushed := inputs.get(PUSHED_MODEL_KEY):
        return verdict.of_push(_read_verdict(made), pushed)
    results: list[GateResult] = []
    if made.has(page.DATA):
        data = made.sections[page.DATA].facts
        findings = [Finding(**finding) for finding in data["findings"]]
        of_data = verdict.of_data(findings, overridden=data["overridden"])
        if page.MODEL not in made.sections:
            return of_data
        results += of_data.gates
    return verdict.of_gates([*results, *verdict.model_gates(inputs, gates)])


def _read_verdict(made: page.Page) -> verdict.Verdict:
    """Returns the verdict that a page carries."""
    if not made.has(page.VERDICT):
        return verdict.of_gates([])
    facts = made.sections[page.VERDICT].facts
    return verdict.Verdict(
        facts["kind"],
        facts["headline"],
        tuple(facts["reasons"]),
        tuple(GateResult(**gate) for gate in facts["gates"]),
        facts["version"],
    )
