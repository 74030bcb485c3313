"""From the artifacts of a run to the sections of its page."""

import logging
from collections.abc import Callable, Mapping, Sequence

from tfx.types import Artifact, artifact_utils

from components.champion.executor import VERSION_PROPERTY
from components.data_gate import checks
from components.data_gate import executor as data_gate
from components.evaluator.results import read_confusion, read_gates
from components.image_example_gen.executor import FINGERPRINT_KEY
from components.image_example_gen.rows import Rows, read_rows
from components.report import figures, pictures
from components.report.data import (
    DataFacts,
    describe_sample,
    describe_splits,
    mean_images,
)
from components.report.evaluation import (
    EXAMPLE_ROW,
    EvaluationFacts,
    describe_evaluation,
)
from components.report.model import ModelFacts, describe_model
from components.report.page import (
    DATA,
    EVALUATION,
    MODEL,
    RUN,
    VERDICT,
    Page,
    Section,
)
from components.report.run import RunFacts
from components.report.standing import Verdict
from contract.features import SPLITS, TEST, TRAIN
from contract.model_run import load_answers
from pipeline.config import Gates
from pipeline.training.trainer import read_history, read_summary

Inputs = Mapping[str, Artifact]
"""What a run has made, by the name of `ReportSpec`'s input."""

SAMPLED_ROWS = 4096
"""Of the train split; looked at one by one, the others only by StatisticsGen."""

GRID_COLUMNS = 16

_NARROW = {ord(","): "\u202f"}
"""To write thousands apart by a narrow space."""

NEEDED = {
    DATA: ("examples", "statistics", "schema", "anomalies", "champion_statistics"),
    MODEL: ("model_run",),
    EVALUATION: ("examples", "model_run"),
}
"""What there has to be for a section to be made."""


def guarded(name: str, make: Callable[[], Section]) -> Section:
    """Makes a section; what goes wrong is in the log and in the page.

    The report looks at a run, and must not be what breaks it.
    """
    try:
        return make()
    except Exception as error:
        logging.exception("report: section %s could not be made", name)
        return Section.make_failed(name, error)


def completed(so_far: Page, inputs: Inputs, gates: Gates) -> Page:
    """Returns the page with all sections that the inputs allow; it keeps its own.

    Args:
        so_far: What there is already.
        inputs: By the names of `ReportSpec`'s inputs, as far as they are there.
        gates: What the run is held to.
    """
    missing = [
        name
        for name, needed in NEEDED.items()
        if not so_far.has(name) and inputs.keys() >= set(needed)
    ]
    return so_far.having(*(make(name, inputs, gates) for name in missing))


def make(name: str, inputs: Inputs, gates: Gates) -> Section:
    """Makes one of the sections in `NEEDED`.

    Args:
        name: Which.
        inputs: All that it needs; more is used if it is there.
        gates: What the run is held to.
    """
    logging.info("report: making section %s", name)
    makers: dict[str, Callable[[], Section]] = {
        DATA: lambda: data_section(*gather_data(inputs, gates)),
        MODEL: lambda: model_section(gather_model(inputs)),
        EVALUATION: lambda: evaluation_section(*gather_evaluation(inputs, gates)),
    }
    return guarded(name, makers[name])


def gather_data(inputs: Inputs, gates: Gates) -> tuple[DataFacts, Rows]:
    """Returns the facts about the data, and the rows that were looked at."""
    examples, champion = inputs["examples"], inputs["champion_statistics"]
    statistics = data_gate.load_statistics(inputs["statistics"])
    schema = data_gate.load_schema(inputs["schema"])
    findings = data_gate.judge(
        schema=inputs["schema"],
        statistics=inputs["statistics"],
        anomalies=inputs["anomalies"],
        champion=champion,
    )
    version = champion.get_string_custom_property(VERSION_PROPERTY)
    previous = data_gate.load_statistics(champion) if version else {}
    rows = read_rows(artifact_utils.get_split_uri([examples], TRAIN), SAMPLED_ROWS)
    facts = DataFacts(
        fingerprint=examples.get_string_custom_property(FINGERPRINT_KEY),
        splits=describe_splits(statistics, SPLITS),
        findings=tuple(findings),
        overridden=bool(findings) and gates.allow_anomalies,
        between=tuple(checks.distances_between_splits(statistics, schema, TRAIN)),
        since=tuple(checks.distances_since(statistics, schema, previous)),
        champion=version,
        sampled=describe_sample(TRAIN, rows),
    )
    return facts, rows


def data_section(facts: DataFacts, rows: Rows) -> Section:
    """Draws the data."""
    return Section.make(
        DATA,
        facts,
        balance=figures.class_balance(facts.splits),
        ink=figures.ink(facts.sampled),
        grid=pictures.grid(rows, GRID_COLUMNS),
        means=pictures.strip(mean_images(rows)),
    )


def gather_model(inputs: Inputs) -> ModelFacts:
    """Returns the facts about the network and its training."""
    folder = inputs["model_run"].uri
    return describe_model(read_history(folder), read_summary(folder))


def model_section(facts: ModelFacts) -> Section:
    """Draws the network and its training."""
    turning_point = facts.overfitting.turning_point
    return Section.make(
        MODEL,
        facts,
        courses=[
            figures.course(facts.epochs, metric, turning_point)
            for metric in ("loss", "accuracy")
        ],
    )


def gather_evaluation(inputs: Inputs, gates: Gates) -> tuple[EvaluationFacts, Rows]:
    """Returns the facts about the answers, and the rows of the test split."""
    folder = inputs["model_run"].uri
    rows = read_rows(artifact_utils.get_split_uri([inputs["examples"]], TEST))
    evaluation = inputs.get("evaluation")
    facts = describe_evaluation(
        rows.labels,
        load_answers(folder),
        read_history(folder)["test"]["loss"],
        confusion=read_confusion(evaluation.uri) if evaluation else None,
        gates=read_gates(evaluation.uri, gates) if evaluation else (),
        digit_bound=gates.min_digit_accuracy,
    )
    return facts, rows


def evaluation_section(facts: EvaluationFacts, rows: Rows) -> Section:
    """Draws the answers to the rows of the test split."""
    example, images = facts.example, rows.images
    return Section.make(
        EVALUATION,
        facts,
        by_digit=figures.by_digit(facts.digits),
        confusion=figures.confusion(facts.confusion),
        reliability=figures.reliability(facts.calibration),
        mistakes=[
            (mistake, pictures.picture(images[mistake.row]))
            for mistake in facts.mistakes
        ],
        few=figures.FEW_ANSWERS,
        example_picture=pictures.picture(images[EXAMPLE_ROW]) if example else "",
    )


def verdict_section(
    facts: Verdict, tiles: Sequence[tuple[str, str, str]] = ()
) -> Section:
    """Makes the head of the page.

    Args:
        facts: What to say.
        tiles: The run in a few numbers: label, value, and what it is held to.
    """
    by_digit = [gate for gate in facts.gates if gate.metric.startswith("digit ")]
    worst = min(by_digit, key=lambda gate: float(gate.value), default=None)
    # Of the digits the worst stands for all that passed.
    shown = [
        gate
        for gate in facts.gates
        if gate not in by_digit or gate is worst or not gate.passed
    ]
    return Section.make(
        VERDICT, facts, gates=shown, worst=worst, digits=by_digit, tiles=tiles
    )


def run_section(facts: RunFacts) -> Section:
    """Makes the part about the run itself."""
    longest = max((part.seconds for part in facts.components), default=0.0)
    return Section.make(RUN, facts, longest=longest or 1.0)


def headline_numbers(sections: Mapping[str, Section]) -> list[tuple[str, str, str]]:
    """Returns the tiles for `verdict_section` from the sections there are."""
    tiles = []
    if (evaluation := sections.get(EVALUATION)) and not evaluation.failed:
        facts = evaluation.facts
        champion = facts["champion_accuracy"]
        against = "no champion yet" if champion is None else f"champion {champion:.4f}"
        tiles.append(("test accuracy", f"{facts['accuracy']:.4f}", against))
        mistakes, images = (
            f"{count:,}".translate(_NARROW)
            for count in (facts["all_mistakes"], facts["images"])
        )
        tiles.append(
            (
                "calibration error",
                f"{facts['calibration']['error']:.4f}",
                f"{mistakes} mistakes in {images}",
            )
        )
    if (model := sections.get(MODEL)) and not model.failed:
        facts = model.facts
        count = f"{facts['parameters']:,}".translate(_NARROW)
        tiles.append(("parameters", count, f"{len(facts['epochs'])} epochs"))
    if (data := sections.get(DATA)) and not data.failed:
        splits = data.facts["splits"]
        count = f"{sum(split['examples'] for split in splits):,}"
        sizes = " + ".join(f"{split['examples']:,}" for split in splits)
        tiles.append(("images", count.translate(_NARROW), sizes.translate(_NARROW)))
    return tiles
