"""Loads a SavedModel as TensorFlow Serving does, and checks its answers.

    echo '{"model": FOLDER, "requests": FILE}' | \
        python -m components.serving_validator.probe

TensorFlow Serving loads into a Session (LoadSavedModel) and feeds by the names of the
signature. The probe does the same, with our own server's code, so a model that only
`tf.saved_model.load` can load fails here. It runs in a separate process: a model that
crashes its server crashes this process, not the pipeline.

It prints one JSON object, `{"checks": [...], "failures": [...], "withdrawn": [...]}`.
`withdrawn` has signatures whose rows influence each other although the model's marker
says that they do not. An exception of the model is a failure; a lack of memory is not
(`MachineError`). The process imports all modules before it reads its input, so it can
be started ahead.
"""

import gc
import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import cache

import numpy as np

from components.serving_validator.requests import Requests
from contract.reliability import RELIABILITY_FILE, read_reliability
from contract.rows_apart import marker
from contract.signatures import (
    CLASS_ID,
    CLASSIFY_SIGNATURE,
    DESCRIBE_SIGNATURE,
    EXAMPLES_SIGNATURE,
    IMAGES_SIGNATURE,
    IS_NOVEL,
    NOVELTY,
    NOVELTY_SIGNATURE,
    PROBABILITIES,
)

TOLERANCE = 1e-5
"""Maximum difference of a probability. Other batch sizes, and kernels that sum in
another order, change float32 softmax outputs by about 1e-7."""

NOVELTY_TOLERANCE = 1e-4
"""Maximum difference of a novelty, which is a squared distance of vectors of length
1.4, in float32."""

_BATCH_SIZES = (1, 7)
_FEW = 3

_METHODS = {CLASSIFY_SIGNATURE: "tensorflow/serving/classify"}
"""TensorFlow Serving's methods of signatures that do not use Predict."""

_PREDICT = "tensorflow/serving/predict"

Answer = dict[str, np.ndarray]


class MachineError(BaseException):
    """There is too little memory: no fault of the model, so no `Exception`."""


Ask = Callable[[str, str, np.ndarray], Answer]
"""Calls a signature with one input: (signature, input, value) -> outputs by name."""


class Notes:
    """Collects the results of the checks."""

    def __init__(self) -> None:
        self.checks: list[str] = []
        self.failures: list[str] = []

    def check(self, what: str, find_fault: Callable[[], str]) -> bool:
        """Runs a check and returns whether it passed; an exception is a fault."""
        try:
            wrong = find_fault()
        except Exception as error:
            wrong = _line(error)
        if wrong:
            self.failures.append(f"{what}: {wrong}")
        else:
            self.checks.append(what)
        return not wrong


def main(model: str, requests: str) -> int:
    """Runs all checks and prints the report as JSON."""
    notes = Notes()
    withdrawn: list[str] = []
    expected = Requests.load(requests)
    try:
        ask = _load(model)
    except Exception as error:
        notes.failures.append(f"loading: {_line(error)}")
    else:
        withdrawn = _check_all(model, ask, expected, notes)
    report = {"checks": notes.checks, "failures": notes.failures}
    # On a new line, because libraries may have printed an incomplete one.
    print("\n" + json.dumps({**report, "withdrawn": withdrawn}))
    return 0


def _check_all(model: str, ask: Ask, expected: Requests, notes: Notes) -> list[str]:
    """Checks each signature; returns those whose marker is to be withdrawn."""
    images, examples = expected.images, np.array(expected.examples, object)
    by_input = (IMAGES_SIGNATURE, "images", images)
    answers_images = _check_signature(*by_input, ask, expected, notes)
    _check_signature(EXAMPLES_SIGNATURE, "examples", examples, ask, expected, notes)
    notes.check(
        f"{CLASSIFY_SIGNATURE}, batch of {_FEW}",
        lambda: _wrong_names(
            ask(CLASSIFY_SIGNATURE, "inputs", examples[:_FEW]), expected
        ),
    )
    for size in (*_BATCH_SIZES, len(images)):
        notes.check(
            f"{NOVELTY_SIGNATURE}, batch of {size}",
            lambda size=size: _wrong_novelty(  # type: ignore[misc]
                ask(NOVELTY_SIGNATURE, "images", images[:size]),
                expected.novelty[:size],
                model,
            ),
        )
    texts = np.array([b"", b"?"], object)
    notes.check(
        DESCRIBE_SIGNATURE,
        lambda: _wrong_task(ask(DESCRIBE_SIGNATURE, "text", texts), expected),
    )
    # If the model gives no right answers, an error on a bad image proves nothing.
    if not answers_images:
        return []
    _check_refusal(ask, images, notes)
    return _check_marker(model, ask, images, examples, notes)


def _load(model: str) -> Ask:
    """Loads the model as a server does; returns a function that calls it."""
    from tensorflow.core.protobuf import config_pb2
    from tensorflow.python.framework.errors import ResourceExhaustedError

    from serving.server import session as serving_session
    from serving.server.errors import Code, ServingError

    try:
        session, graph = serving_session.load(
            model, ["serve"], config_pb2.ConfigProto()
        )
    except ServingError as error:
        if error.code is Code.RESOURCE_EXHAUSTED:
            raise MachineError(f"loading: {_line(error)}") from error
        raise

    @cache
    def callable_of(name: str, input_name: str) -> serving_session.RawCallable:
        """Makes a signature's callable, for which TensorFlow prepares the graph."""
        if name not in graph.signature_def:
            raise LookupError(f"missing: expected among {sorted(graph.signature_def)}")
        signature = graph.signature_def[name]
        if list(signature.inputs) != [input_name]:
            raise LookupError(
                f"expected the one input {input_name}, found {sorted(signature.inputs)}"
            )
        method = _METHODS.get(name, _PREDICT)
        if signature.method_name != method:
            raise LookupError(
                f"expected the method {method}, found {signature.method_name}"
            )
        # `Session.run` would compare the value's shape with the signature's before it
        # runs the model. Servers do not, and neither does a callable.
        return serving_session.make_callable(
            session,
            feeds=[signature.inputs[input_name].name],
            fetches=[signature.outputs[n].name for n in sorted(signature.outputs)],
            on_calling_thread=False,
        )

    def ask(signature_name: str, input_name: str, value: np.ndarray) -> Answer:
        try:
            call = callable_of(signature_name, input_name)
            names = sorted(graph.signature_def[signature_name].outputs)
            return dict(zip(names, call(value), strict=True))
        except (MemoryError, ResourceExhaustedError) as error:
            raise MachineError(f"{signature_name}: {_line(error)}") from error

    return ask


def _check_signature(
    name: str,
    input_name: str,
    rows: np.ndarray,
    ask: Ask,
    requests: Requests,
    notes: Notes,
) -> bool:
    """Checks batches of several sizes; returns whether all answers were right."""
    return all(
        notes.check(
            f"{name}, batch of {size}",
            lambda size=size: _compare(  # type: ignore[misc]
                ask(name, input_name, rows[:size]), requests.probabilities[:size]
            ),
        )
        for size in (*_BATCH_SIZES, len(rows))
    )


def _compare(answer: Answer, expected: np.ndarray) -> str:
    """Returns the fault in an answer; empty if there is none."""
    if sorted(answer) != [CLASS_ID, PROBABILITIES]:
        return f"expected outputs class_id and probabilities, found {sorted(answer)}"
    found, classes = answer[PROBABILITIES], answer[CLASS_ID]
    if found.dtype != np.float32 or found.shape != expected.shape:
        return (
            f"expected probabilities float32 {expected.shape}, found {found.dtype} "
            f"{found.shape}"
        )
    if classes.dtype != np.int64 or classes.shape != expected.shape[:1]:
        return (
            f"expected class_id int64 {expected.shape[:1]}, found {classes.dtype} "
            f"{classes.shape}"
        )
    # Written so that NaN, which compares false with everything, is refused.
    close = np.abs(found - expected) <= TOLERANCE
    if not close.all():
        row = int(np.flatnonzero(~close.all(axis=1))[0])
        return (
            f"differs from the trainer's answer in {int((~close.all(axis=1)).sum())} "
            f"of {len(expected)} rows: row {row}: expected "
            f"{np.round(expected[row], 5).tolist()}, found "
            f"{np.round(found[row], 5).tolist()}"
        )
    if (classes != found.argmax(axis=1)).any():
        return "class_id is not the most probable class"
    return ""


def _wrong_names(answer: Answer, expected: Requests) -> str:
    """Returns the fault in an answer of Classify; empty if there is none."""
    if sorted(answer) != ["classes", "scores"]:
        return f"expected outputs classes and scores, found {sorted(answer)}"
    names = [name.encode() for name in json.loads(expected.task)["classes"]]
    found = answer["classes"].tolist()
    if found != [names] * len(expected.probabilities[:_FEW]):
        return f"expected the classes {names}, found {found[:1]}"
    close = np.abs(answer["scores"] - expected.probabilities[:_FEW]) <= TOLERANCE
    return "" if close.all() else "scores differ from the trainer's answer"


def _wrong_novelty(answer: Answer, expected: np.ndarray, model: str) -> str:
    """Returns the fault in an answer of `novelty`; empty if there is none."""
    if sorted(answer) != [IS_NOVEL, NOVELTY]:
        return f"expected outputs is_novel and novelty, found {sorted(answer)}"
    found, novel = answer[NOVELTY], answer[IS_NOVEL]
    if (found.shape, novel.shape) != (expected.shape, expected.shape):
        return f"expected {expected.shape}, found {found.shape} and {novel.shape}"
    # Written so that NaN is refused.
    close = np.abs(found - expected) <= NOVELTY_TOLERANCE
    if not close.all():
        row = int(np.flatnonzero(~close)[0])
        return (
            f"differs from the trainer's answer: row {row}: expected "
            f"{expected[row]:.5f}, found {found[row]:.5f}"
        )
    reliability = read_reliability(model)
    if reliability is None:
        return f"expected {RELIABILITY_FILE} in the SavedModel, found none"
    if (novel != (found > reliability.novelty_bound)).any():
        return f"is_novel is not a novelty above {reliability.novelty_bound:.5f}"
    return ""


def _wrong_task(answer: Answer, expected: Requests) -> str:
    found = [text.decode() for text in answer.get("task", np.array([])).tolist()]
    if found != [expected.task] * 2:
        return f"expected the task for each text, found {found}"
    return ""


def _check_refusal(ask: Ask, images: np.ndarray, notes: Notes) -> None:
    """Checks that an image of another size gives an error."""
    height, width, *channels = images.shape[1:]
    # With the same number of values, so that only the shape is wrong.
    others = [(height * width, 1), (1, height * width)]
    sides = next((sides for sides in others if sides != (height, width)), None)
    if sides is None:
        return
    other = np.zeros((1, *sides, *channels), np.uint8)
    shape = "x".join(map(str, other.shape[1:]))
    what = f"{IMAGES_SIGNATURE}, refusal of an image of {shape}"
    try:
        ask(IMAGES_SIGNATURE, "images", other)
    except Exception:
        notes.checks.append(what)
    else:
        notes.failures.append(f"{what}: expected an error, found an answer")


def _check_marker(
    model: str, ask: Ask, images: np.ndarray, examples: np.ndarray, notes: Notes
) -> list[str]:
    """Returns the marked signatures whose answers differ between single and batch.

    Equal answers are no proof that rows are independent, so no marker is added here.
    """
    inputs = {
        IMAGES_SIGNATURE: ("images", images),
        EXAMPLES_SIGNATURE: ("examples", examples),
        CLASSIFY_SIGNATURE: ("inputs", examples),
        NOVELTY_SIGNATURE: ("images", images),
    }
    withdrawn = []
    for name in sorted(inputs.keys() & marker.marked(model)):
        what = f"{name}, rows alone and together"
        try:
            if _rows_see_each_other(name, ask, *inputs[name]):
                withdrawn.append(name)
                what = f"{what}: they differ, its requests will not share a batch"
        except Exception as error:
            notes.failures.append(f"{what}: {_line(error)}")
        else:
            notes.checks.append(what)
    return withdrawn


def _rows_see_each_other(
    name: str, ask: Ask, input_name: str, rows: np.ndarray
) -> bool:
    """Compares the answers to a few single rows with those to the same batch."""
    few = rows[: _BATCH_SIZES[-1]]
    together = ask(name, input_name, few)
    alone = [ask(name, input_name, few[i : i + 1]) for i in range(len(few))]
    return not all(
        _alike(np.concatenate([answer[key] for answer in alone]), values)
        for key, values in together.items()
    )


def _alike(left: np.ndarray, right: np.ndarray) -> bool:
    if left.shape != right.shape:
        return False
    if left.dtype.kind == "f":
        return bool((np.abs(left - right) <= TOLERANCE).all())
    return bool((left == right).all())


def _line(error: Exception) -> str:
    """Returns the error's type and the first line of its text with information."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and line != "Graph execution error:"]
    return f"{type(error).__name__}: {' '.join(telling[:1])}"


def _end_with(parent: int) -> None:
    """Ends this process when its parent is gone, even if that was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _wait() -> int:
    """Imports modules, waits for one request on stdin, and runs it if there is one."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    importlib.import_module("serving.server.session")
    question = sys.stdin.readline()
    return main(**json.loads(question)) if question else 0


if __name__ == "__main__":
    # TensorFlow's import makes hundreds of thousands of objects that all stay, and
    # this short process has no garbage to collect.
    gc.disable()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    code = _wait()
    sys.stdout.flush()
    # Python would take a second to free the modules, while the executor waits.
    os._exit(code)
