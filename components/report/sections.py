"""Makes the sections of the page from the artifacts of a run."""

import logging
from collections.abc import Callable, Mapping

import numpy as np
from tfx.types import Artifact, artifact_utils

from components.data_gate import checks
from components.data_gate import executor as data_gate
from components.evaluator.results import read_confusion, read_evaluation
from components.image_example_gen.duplicates import read_named
from components.image_example_gen.examples import Rows
from components.replay.demand import Replayed, read_replayed
from components.report import class_figures, figures, gates, pictures
from components.report.canvas import name_width
from components.report.data import DataFacts, describe_sample, describe_splits
from components.report.evaluation import (
    EXAMPLE_ROW,
    EvaluationFacts,
    describe_evaluation,
    worst_first,
)
from components.report.model import ModelFacts, describe_model
from components.report.page import (
    DATA,
    EVALUATION,
    MODEL,
    REPLAY,
    RUN,
    VERDICT,
    Page,
    Section,
    count_text,
)
from components.report.rows import read_images, read_labels, sample_rows
from components.report.run import RunFacts
from components.report.standing import REFUSED, Verdict
from contract import nodes, properties
from contract.features import SPLITS, TEST, TRAIN
from contract.model_run import load_answers, read_history, read_summary
from contract.task import DEFAULT_NOUN, Task, task_of_examples

Inputs = Mapping[str, Artifact]
"""Artifacts of a run, by the key of `Report`'s input."""

SAMPLED_ROWS = 4096
"""Maximum number of rows of the train split that are read one by one; all others are
seen only by StatisticsGen."""

SAMPLED_VALUES = 32 << 20
"""Maximum number of bytes in these rows; large images make them fewer."""

NEEDED = {
    DATA: (
        *(nodes.EXAMPLES, nodes.STATISTICS, nodes.SCHEMA, nodes.ANOMALIES),
        nodes.CHAMPION_STATISTICS,
    ),
    MODEL: (nodes.MODEL_RUN,),
    EVALUATION: (nodes.EXAMPLES, nodes.MODEL_RUN),
    REPLAY: (nodes.EXAMPLES, nodes.REPLAYED),
}
"""Inputs that a section needs."""


def guarded(name: str, make: Callable[[], Section]) -> Section:
    """Makes a section; an exception is shown in the log and in the page.

    A fault in the report must not make the run fail.
    """
    try:
        return make()
    except Exception as error:
        logging.exception("report: section %s could not be made", name)
        return Section.make_failed(name, error)


def completed(so_far: Page, inputs: Inputs, allow_anomalies: bool) -> Page:
    """Returns the page with the missing sections for which there are inputs."""
    missing = [
        name
        for name, needed in NEEDED.items()
        if not so_far.has(name) and inputs.keys() >= set(needed)
    ]
    return so_far.having(*(make(name, inputs, allow_anomalies) for name in missing))


def make(name: str, inputs: Inputs, allow_anomalies: bool) -> Section:
    """Makes one of the sections in `NEEDED`."""
    logging.info("report: making section %s", name)
    makers: dict[str, Callable[[], Section]] = {
        DATA: lambda: data_section(*gather_data(inputs, allow_anomalies)),
        MODEL: lambda: model_section(gather_model(inputs)),
        EVALUATION: lambda: evaluation_section(*gather_evaluation(inputs)),
        REPLAY: lambda: replay_section(
            read_replayed(inputs[nodes.REPLAYED].uri),
            task_of_examples(inputs[nodes.EXAMPLES].uri),
        ),
    }
    return guarded(name, makers[name])


def gather_data(inputs: Inputs, allow_anomalies: bool) -> tuple[DataFacts, Rows]:
    """Returns the facts about the data, and the sampled rows."""
    examples, champion = inputs[nodes.EXAMPLES], inputs[nodes.CHAMPION_STATISTICS]
    task = task_of_examples(examples.uri)
    statistics = data_gate.load_statistics(inputs[nodes.STATISTICS])
    findings, comparisons = data_gate.judge(
        schema=inputs[nodes.SCHEMA],
        statistics=inputs[nodes.STATISTICS],
        anomalies=inputs[nodes.ANOMALIES],
        champion=champion,
    )
    version = champion.get_string_custom_property(properties.CHAMPION_VERSION)
    distances = {
        kind: tuple(
            distance
            for one in comparisons
            if one.comparator == kind
            for distance in one.distances()
        )
        for kind in (checks.SKEW, checks.DRIFT)
    }
    rows, is_by_class = sample_rows(
        artifact_utils.get_split_uri([examples], TRAIN),
        task,
        min(SAMPLED_ROWS, SAMPLED_VALUES // task.size),
    )
    facts = DataFacts(
        task=task,
        fingerprint=examples.get_string_custom_property(properties.FINGERPRINT),
        splits=describe_splits(statistics, task, SPLITS),
        findings=tuple(findings),
        overruled=bool(findings) and allow_anomalies,
        between=distances[checks.SKEW],
        since=distances[checks.DRIFT],
        champion=version,
        left_out=champion.get_string_custom_property(properties.LEFT_OUT),
        sampled=describe_sample(TRAIN, rows, task, is_by_class),
        test_rows_in_training=examples.get_int_custom_property(
            properties.TEST_ROWS_IN_TRAINING
        ),
        duplicates=tuple(read_named(examples.uri)),
    )
    return facts, rows


def data_section(facts: DataFacts, rows: Rows) -> Section:
    """Makes the section about the data."""
    return Section.make(
        DATA,
        facts,
        balance=class_figures.class_balance(facts.task, facts.splits),
        ink=class_figures.ink(facts.task, facts.sampled)
        if facts.sampled.inked
        else None,
        galleries=list(pictures.galleries(rows, facts.task)),
        several=pictures.ROWS,
        columns=pictures.columns(facts.task),
        noun=class_words(facts.task)[0],
        name_width=min(8, name_width(facts.task.classes) / 13),
    )


def gather_model(inputs: Inputs) -> ModelFacts:
    """Returns the facts about the network and its training."""
    folder = inputs[nodes.MODEL_RUN].uri
    return describe_model(read_history(folder), read_summary(folder))


def model_section(facts: ModelFacts) -> Section:
    """Makes the section about the network and its training."""
    turning_point = facts.overfitting.turning_point
    return Section.make(
        MODEL,
        facts,
        courses=[
            figures.course(facts.epochs, metric, turning_point)
            for metric in ("loss", "accuracy")
        ],
    )


def gather_evaluation(
    inputs: Inputs,
) -> tuple[EvaluationFacts, dict[int, np.ndarray]]:
    """Returns the facts about the answers, and the images to show, by row."""
    folder = inputs[nodes.MODEL_RUN].uri
    examples, evaluation = inputs[nodes.EXAMPLES], inputs.get(nodes.EVALUATION)
    task = task_of_examples(examples.uri)
    test = artifact_utils.get_split_uri([examples], TEST)
    facts = describe_evaluation(
        task,
        read_labels(test, task),
        load_answers(folder),
        read_history(folder)["test"]["loss"],
        read_confusion(evaluation.uri, len(task.classes)) if evaluation else None,
        read_evaluation(evaluation.uri) if evaluation else None,
    )
    shown = {mistake.row for mistake in facts.mistakes}
    if facts.example:
        shown.add(EXAMPLE_ROW)
    return facts, read_images(test, task, shown)


def evaluation_section(
    facts: EvaluationFacts, images: Mapping[int, np.ndarray]
) -> Section:
    """Makes the section about the answers to the test split."""
    task, example = facts.task, facts.example
    return Section.make(
        EVALUATION,
        facts,
        worst=worst_first(facts.classes),
        by_class=class_figures.by_class(task, facts.classes),
        confusion=class_figures.confusion(task, facts.confusion)
        if facts.confusion
        else None,
        numbered=len(task.classes) <= class_figures.NUMBERED_CLASSES,
        reliability=figures.reliability(facts.calibration),
        mistakes=[
            (mistake, pictures.picture(images[mistake.row], task))
            for mistake in facts.mistakes
        ],
        few=figures.FEW_ANSWERS,
        noun=class_words(task)[0],
        name_width=name_width(task.classes) / 13,
        example_picture=pictures.picture(images[EXAMPLE_ROW], task)
        if example
        else None,
    )


def replay_section(facts: Replayed, task: Task) -> Section:
    """Makes the section with the pictures whose answers would change for callers."""
    return Section.make(
        REPLAY, facts, task=task, size=pictures.shown_size(task.width, task.height)
    )


def verdict_section(facts: Verdict, sections: Mapping[str, Section]) -> Section:
    """Makes the section with the verdict, the head of the page."""
    refusals = gates.refusals(facts.gates)
    reasons = facts.reasons
    if facts.kind == REFUSED and any(
        refusal.demand.gate != nodes.DATA_GATE for refusal in refusals
    ):
        # The demands already have the reasons. Only for data findings they have just
        # the number, and the reasons have the findings themselves.
        reasons = ()
    return Section.make(
        VERDICT,
        facts,
        rows=gates.shown(facts.gates),
        reasons=reasons,
        refusals=[] if reasons else refusals,
        advice=gates.what_to_do(facts.gates) if facts.kind == REFUSED else [],
        plural=class_words(task_of(sections))[1],
        left_out=_left_out(sections),
        tiles=headline_numbers(sections),
    )


def run_section(facts: RunFacts) -> Section:
    """Makes the section about the run itself."""
    longest = max((part.seconds for part in facts.components), default=0.0)
    return Section.make(RUN, facts, longest=longest or 1.0)


def task_of(sections: Mapping[str, Section]) -> Task | None:
    """Returns the task in the page's facts; None if no section has it yet."""
    for name in (DATA, EVALUATION):
        section = sections.get(name)
        if section and not section.failed:
            return Task.from_dict(section.facts["task"])
    return None


def class_words(task: Task | None) -> tuple[str, str]:
    """Returns the words for one class and for several: `digit`, `digits`.

    Without a task, or with the default noun, they are `class` and `classes`.
    """
    if task is None or task.noun == DEFAULT_NOUN:
        return "class", "classes"
    return task.noun, task.plural


def headline_numbers(sections: Mapping[str, Section]) -> list[tuple[str, str, str]]:
    """Returns the run's most important numbers: label, value and a comparison."""
    made = {name: one.facts for name, one in sections.items() if not one.failed}
    tiles = []
    if facts := made.get(EVALUATION):
        champion = facts["champion_accuracy"]
        against = "no champion" if champion is None else f"champion {champion:.4f}"
        tiles.append(("test accuracy", f"{facts['accuracy']:.4f}", against))
        mistakes, images = map(count_text, (facts["all_mistakes"], facts["images"]))
        tiles.append(
            (
                "calibration error",
                f"{facts['calibration']['error']:.4f}",
                f"{mistakes} mistakes in {images}",
            )
        )
    if facts := made.get(MODEL):
        parameters = count_text(facts["parameters"])
        tiles.append(("parameters", parameters, f"{len(facts['epochs'])} epochs"))
    if facts := made.get(DATA):
        sizes = [split["examples"] for split in facts["splits"]]
        each = " + ".join(map(count_text, sizes))
        tiles.append(("images", count_text(sum(sizes)), each))
    return tiles


def _left_out(sections: Mapping[str, Section]) -> str:
    """Returns why the served version was not compared with; mostly empty."""
    for section in sections.values():
        if reason := section.facts.get("left_out"):
            return str(reason)
    return ""
