"""The probe passes correct models, and finds every kind of fault."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.image_example_gen import digits
from components.serving_validator import probe
from components.serving_validator.requests import Requests
from contract.reliability import RELIABILITY_FILE
from contract.rows_apart import marker
from tests.components.serving_validator.checks import (
    EXAMPLE_CHECKS,
    FURTHER_CHECKS,
    IMAGE_CHECKS,
    REFUSAL,
)
from tests.components.softmax import (
    EXAMPLES,
    IMAGES,
    INPUTS,
    TEXT,
    answer,
    classify,
    describe,
    from_examples,
    from_images,
    novelty,
)

Save = Callable[..., str]
Report = dict[str, list[str]]


def test_of_a_right_model_every_check_passes(
    save: Save, ask: Callable[[str], Report]
) -> None:
    assert ask(save()) == {
        "checks": [*IMAGE_CHECKS, *EXAMPLE_CHECKS, *FURTHER_CHECKS, REFUSAL],
        "failures": [],
        "withdrawn": [],
    }


def test_rows_that_differ_together_lose_the_marker_and_others_get_none(
    save: Save, ask: Callable[[str], Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_the_batch(examples: Any) -> dict[str, Any]:
        answers = from_examples(examples)
        alone = tf.cast(tf.size(examples) == 1, tf.float32)
        answers["probabilities"] += alone * 2 * probe.TOLERANCE
        return answers

    model = save(tf_examples=(EXAMPLES, by_the_batch))
    report = ask(model)
    assert report["withdrawn"] == []
    # Simulates an error of the exporter.
    monkeypatch.setattr(marker, "judge", lambda folder: {"tf_examples": ""})
    marker.write_marker(model)
    report = ask(model)
    assert report["checks"][-1] == (
        "tf_examples, rows alone and together: they differ, its requests will not "
        "share a batch"
    )
    assert report["withdrawn"] == ["tf_examples"]


def test_rows_that_do_not_keep_the_marker(
    save: Save, ask: Callable[[str], Report]
) -> None:
    model = save()
    marked = marker.write_marker(model)
    assert marked == [
        *("classify", "describe", "novelty", "serving_default", "tf_examples")
    ]
    marked.remove("describe")  # It has no rows.
    report = ask(model)
    assert report["checks"][-4:] == [f"{n}, rows alone and together" for n in marked]
    assert report["withdrawn"] == []


def test_further_signatures_do_not_matter(
    save: Save, ask: Callable[[str], Report]
) -> None:
    assert ask(save(more=(IMAGES, from_images)))["failures"] == []


def test_rounding_in_float32_is_no_difference(
    save: Save, ask: Callable[[str], Report]
) -> None:
    def rounded(images: Any) -> dict[str, Any]:
        answers = from_images(images)
        return {**answers, "probabilities": answers["probabilities"] + 1e-6}

    assert ask(save(serving_default=(IMAGES, rounded)))["failures"] == []


def changed(**change: Callable[[dict[str, Any]], Any]) -> Callable[[Any], Any]:
    """Returns a signature that is correct except for some outputs."""

    def signature(images: Any) -> dict[str, Any]:
        answers = from_images(images)
        return {**answers, **{name: of(answers) for name, of in change.items()}}

    return signature


def only_probabilities(images: Any) -> dict[str, Any]:
    return {"probabilities": from_images(images)["probabilities"]}


def right_for_one_image(images: Any) -> dict[str, Any]:
    """Divides by the number of rows, as a batch-wise normalisation might."""
    pixels = tf.reshape(tf.ensure_shape(images, [None, 28, 28]), [-1, 784])
    return answer(
        tf.cast(pixels, tf.float32) / tf.cast(tf.shape(pixels)[0], tf.float32)
    )


def first_row_only(images: Any) -> dict[str, Any]:
    return {name: value[:1] for name, value in from_images(images).items()}


def failing(images: Any) -> dict[str, Any]:
    with tf.control_dependencies([tf.debugging.Assert(False, ["out of order"])]):
        return {name: tf.identity(v) for name, v in from_images(images).items()}


WRONG: dict[str, tuple[Callable[[Any], Any], int, str]] = {
    "another output": (
        changed(logits=lambda a: a["probabilities"]),
        1,
        "expected outputs class_id and probabilities, found ['class_id', 'logits', "
        "'probabilities']",
    ),
    "an output missing": (
        only_probabilities,
        1,
        "expected outputs class_id and probabilities, found ['probabilities']",
    ),
    "probabilities in double": (
        changed(probabilities=lambda a: tf.cast(a["probabilities"], tf.float64)),
        1,
        "expected probabilities float32 (1, 10), found float64 (1, 10)",
    ),
    "nine classes": (
        changed(probabilities=lambda a: a["probabilities"][:, :9]),
        1,
        "expected probabilities float32 (1, 10), found float32 (1, 9)",
    ),
    "classes as int32": (
        changed(class_id=lambda a: tf.cast(a["class_id"], tf.int32)),
        1,
        "expected class_id int64 (1,), found int32 (1,)",
    ),
    "classes as a column": (
        changed(class_id=lambda a: a["class_id"][:, None]),
        1,
        "expected class_id int64 (1,), found int64 (1, 1)",
    ),
    "another class than the most probable": (
        changed(class_id=lambda a: (a["class_id"] + 1) % 10),
        1,
        "class_id is not the most probable class",
    ),
    "not a number": (
        changed(probabilities=lambda a: a["probabilities"] * np.nan),
        1,
        "differs from the trainer's answer in 1 of 1 rows: row 0: expected [",
    ),
    "answers a little off": (
        changed(probabilities=lambda a: a["probabilities"] + 1e-4),
        1,
        "differs from the trainer's answer in 1 of 1 rows: row 0: expected [",
    ),
    "right for one image only": (
        right_for_one_image,
        7,
        "differs from the trainer's answer in 7 of 7 rows: row 0: expected [",
    ),
    "one answer for all images": (
        first_row_only,
        7,
        "expected probabilities float32 (7, 10), found float32 (1, 10)",
    ),
    "an error": (
        failing,
        1,
        "InvalidArgumentError: assertion failed: [out of order]",
    ),
}


@pytest.mark.parametrize(
    ("signature", "size", "reason"), WRONG.values(), ids=list(WRONG)
)
def test_of_a_wrong_answer_the_first_reason_is_given(
    save: Save,
    ask: Callable[[str], Report],
    signature: Callable[[Any], Any],
    size: int,
    reason: str,
) -> None:
    report = ask(save(serving_default=(IMAGES, signature)))
    (failure,) = report["failures"]
    assert failure.startswith(f"serving_default, batch of {size}: {reason}")
    # The checks before it passed, and so did those of the other signature.
    passed = IMAGE_CHECKS[: IMAGE_CHECKS.index(f"serving_default, batch of {size}")]
    assert report["checks"] == passed + EXAMPLE_CHECKS + FURTHER_CHECKS


def test_the_row_that_differs_is_shown_with_both_answers(
    save: Save, ask: Callable[[str], Report], requests: Requests
) -> None:
    def fourth_row_off(images: Any) -> dict[str, Any]:
        answers = from_images(images)
        row = tf.range(tf.shape(images)[0])[:, None]
        off = tf.where(row == 3, 0.5, 0.0)
        return {**answers, "probabilities": answers["probabilities"] + off}

    (failure,) = ask(save(serving_default=(IMAGES, fourth_row_off)))["failures"]
    expected = requests.probabilities[3]
    assert failure == (
        "serving_default, batch of 7: differs from the trainer's answer in 1 of 7 "
        f"rows: row 3: expected {np.round(expected, 5).tolist()}, found "
        f"{np.round(expected + np.float32(0.5), 5).tolist()}"
    )


def test_a_missing_signature_is_named_with_those_there_are(
    save: Save, ask: Callable[[str], Report]
) -> None:
    report = ask(save(tf_examples=None))
    (failure,) = report["failures"]
    assert failure.startswith(
        "tf_examples, batch of 1: LookupError: missing: expected among ["
    )
    assert "'serving_default'" in failure
    assert report["checks"] == [*IMAGE_CHECKS, *FURTHER_CHECKS, REFUSAL]


def test_a_model_that_answers_no_images_refuses_none(
    save: Save, ask: Callable[[str], Report]
) -> None:
    report = ask(
        save(serving_default=None, tf_examples=None, other=(IMAGES, from_images))
    )
    assert report["checks"] == FURTHER_CHECKS
    assert [failure.split(":")[0] for failure in report["failures"]] == [
        "serving_default, batch of 1",
        "tf_examples, batch of 1",
    ]


def other_names(inputs: Any) -> dict[str, Any]:
    answers = classify(inputs)
    return {**answers, "classes": answers["classes"][:, ::-1]}


def other_scores(inputs: Any) -> dict[str, Any]:
    answers = classify(inputs)
    return {**answers, "scores": answers["scores"][:, ::-1]}


def no_names(inputs: Any) -> dict[str, Any]:
    answers = classify(inputs)
    return {**answers, "classes": answers["classes"][:0]}


def only_scores(inputs: Any) -> dict[str, Any]:
    return {"scores": classify(inputs)["scores"]}


def another_task(text: Any) -> dict[str, Any]:
    turned = digits.TASK.named(classes=digits.TASK.classes[::-1])
    return {"task": tf.fill(tf.shape(text), turned.to_json())}


def one_task_for_all(text: Any) -> dict[str, Any]:
    return {"task": describe(text)["task"][:1]}


@pytest.mark.parametrize(
    ("signature", "spec", "function", "reason"),
    [
        ("classify", INPUTS, other_names, "batch of 3: expected the classes [b'0', "),
        ("classify", INPUTS, no_names, "batch of 3: expected the classes [b'0', "),
        ("classify", INPUTS, other_scores, "batch of 3: scores differ from the train"),
        ("classify", INPUTS, only_scores, "batch of 3: expected outputs classes and "),
        ("describe", TEXT, another_task, "expected the task for each text, found ['{"),
        ("describe", TEXT, one_task_for_all, "expected the task for each text, found"),
    ],
)
def test_what_a_model_says_of_its_classes_is_held_to_the_task(
    save: Save,
    ask: Callable[[str], Report],
    signature: str,
    spec: Any,
    function: Callable[[Any], Any],
    reason: str,
) -> None:
    (failure,) = ask(save(**{signature: (spec, function)}))["failures"]
    assert failure.startswith(signature)
    assert reason in failure


def novelty_of_the_first(images: Any) -> dict[str, Any]:
    return {name: value[:1] for name, value in novelty(images).items()}


def another_novelty(images: Any) -> dict[str, Any]:
    answers = novelty(images)
    return {**answers, "novelty": answers["novelty"] * 1.01}


def no_novelty(images: Any) -> dict[str, Any]:
    answers = novelty(images)
    return {**answers, "novelty": answers["novelty"] * np.nan}


def all_novel(images: Any) -> dict[str, Any]:
    answers = novelty(images)
    return {**answers, "is_novel": tf.ones_like(answers["is_novel"])}


def only_a_novelty(images: Any) -> dict[str, Any]:
    return {"novelty": novelty(images)["novelty"]}


@pytest.mark.parametrize(
    ("function", "size", "reason"),
    [
        (novelty_of_the_first, 7, "expected (7,), found (1,) and (1,)"),
        (another_novelty, 1, "differs from the trainer's answer: row 0: expected 0.1"),
        (no_novelty, 1, "differs from the trainer's answer: row 0: expected 0.1"),
        (all_novel, 1, "is_novel is not a novelty above 0.15000"),
        (only_a_novelty, 1, "expected outputs is_novel and novelty, found ['novelty']"),
    ],
)
def test_novelty_is_held_to_the_trainers_and_its_verdict_to_the_bound(
    save: Save,
    ask: Callable[[str], Report],
    function: Callable[[Any], Any],
    size: int,
    reason: str,
) -> None:
    failure = ask(save(novelty=(IMAGES, function)))["failures"][0]
    assert failure.startswith(f"novelty, batch of {size}: {reason}")


def test_a_model_without_its_reliability_is_not_served(
    save: Save, ask: Callable[[str], Report]
) -> None:
    model = save()
    Path(model, RELIABILITY_FILE).unlink()
    failures = ask(model)["failures"]
    assert len(failures) == 3
    assert "expected assets.extra/reliability.json in the SavedModel" in failures[0]


def test_names_that_only_predict_can_ask_for_are_no_classify(
    save: Save, ask: Callable[[str], Report]
) -> None:
    folder = save()
    methods = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(folder)
    methods.replace_method_name("classify", "tensorflow/serving/predict")
    methods.save()
    assert ask(folder)["failures"] == [
        "classify, batch of 3: LookupError: expected the method "
        "tensorflow/serving/classify, found tensorflow/serving/predict"
    ]
