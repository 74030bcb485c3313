"""Loads a SavedModel as TensorFlow Serving does and asks it.

    echo '{"model": FOLDER, "requests": FILE}' | \
        python -m components.serving_validator.probe

TensorFlow Serving loads into a Session (LoadSavedModel) and feeds by the names
of the signature, so this does too, with our own server's code: what only
`tf.saved_model.load` could mend fails here. It runs in a process of its own: a
model that takes its server down takes this down, and not the pipeline. Prints one
JSON object: `{"checks": [...], "failures": [...]}`. It imports all that it needs before
it reads, so that it can be started ahead.
"""

import gc
import importlib
import json
import os
import sys
from collections.abc import Callable

import numpy as np

from components.serving_validator.requests import Requests
from pipeline.training import batching_marker

TOLERANCE = 1e-5
"""Largest difference of a probability. Batches of other sizes, and kernels that
sum in another order, move float32 softmax outputs by about 1e-7."""

_BATCH_SIZES = (1, 7)

Answer = dict[str, np.ndarray]


def main(model: str, requests: str) -> int:
    """Runs all checks; prints the outcome as JSON."""
    checks: list[str] = []
    failures: list[str] = []
    expected = Requests.load(requests)
    try:
        ask = _load(model)
    except Exception as error:
        failures.append(f"loading: {_line(error)}")
    else:
        answers_images = _check_signature(
            "serving_default",
            "images",
            expected.images,
            ask,
            expected,
            checks,
            failures,
        )
        _check_signature(
            "tf_examples",
            "examples",
            np.array(expected.examples, object),
            ask,
            expected,
            checks,
            failures,
        )
        # Of a model that answers nothing an error says nothing.
        if answers_images:
            _check_refusal(ask, checks, failures)
            _check_marker(model, ask, expected, checks, failures)
    # On a line of its own, whatever libraries printed.
    print("\n" + json.dumps({"checks": checks, "failures": failures}))
    return 0


def _load(model: str) -> Callable[[str, str, np.ndarray], Answer]:
    """Returns a function (signature, input, value) -> outputs by name."""
    from tensorflow.core.protobuf import config_pb2

    from serving.server import session as serving_session

    session, graph = serving_session.load(model, ["serve"], config_pb2.ConfigProto())

    def ask(signature_name: str, input_name: str, value: np.ndarray) -> Answer:
        if signature_name not in graph.signature_def:
            raise LookupError(f"missing: expected among {sorted(graph.signature_def)}")
        signature = graph.signature_def[signature_name]
        if list(signature.inputs) != [input_name]:
            raise LookupError(
                f"expected the one input {input_name}, found {sorted(signature.inputs)}"
            )
        names = sorted(signature.outputs)
        # `Session.run` compares the value's shape with the signature's before
        # the model sees it; servers do not, and a callable does not.
        call = serving_session.make_callable(
            session,
            feeds=[signature.inputs[input_name].name],
            fetches=[signature.outputs[name].name for name in names],
            on_calling_thread=False,
        )
        return dict(zip(names, call(value), strict=True))

    return ask


def _check_signature(
    name: str,
    input_name: str,
    rows: np.ndarray,
    ask: Callable[[str, str, np.ndarray], Answer],
    requests: Requests,
    checks: list[str],
    failures: list[str],
) -> bool:
    """Asks in batches of several sizes; returns whether all answers were right."""
    for size in (*_BATCH_SIZES, len(rows)):
        what = f"{name}, batch of {size}"
        try:
            wrong = _compare(
                ask(name, input_name, rows[:size]), requests.probabilities[:size]
            )
        except Exception as error:
            wrong = _line(error)
        if wrong:
            failures.append(f"{what}: {wrong}")
            return False
        checks.append(what)
    return True


def _compare(answer: Answer, expected: np.ndarray) -> str:
    """Returns what is wrong with an answer; empty if nothing is."""
    if sorted(answer) != ["class_id", "probabilities"]:
        return f"expected outputs class_id and probabilities, found {sorted(answer)}"
    found, classes = answer["probabilities"], answer["class_id"]
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


def _check_refusal(
    ask: Callable[[str, str, np.ndarray], Answer],
    checks: list[str],
    failures: list[str],
) -> None:
    """An image of the wrong size has to be an error, and not an answer."""
    what = "serving_default, refusal of a 14x56 image"
    try:
        ask("serving_default", "images", np.zeros((1, 14, 56), np.uint8))
    except Exception:
        checks.append(what)
    else:
        failures.append(f"{what}: expected an error, found an answer")


def _check_marker(
    model: str,
    ask: Callable[[str, str, np.ndarray], Answer],
    requests: Requests,
    checks: list[str],
    failures: list[str],
) -> None:
    """Takes the marker from signatures that answer otherwise together than alone.

    That they answer alike proves nothing, so nothing is marked here.
    """
    examples = np.array(requests.examples, object)
    inputs = {"images": requests.images, "examples": examples, "inputs": examples}
    for name in batching_marker.marked(model):
        what = f"{name}, rows alone and together"
        try:
            if _rows_see_each_other(name, ask, inputs):
                batching_marker.withdraw_marker(model, {name})
                what = f"{what}: they differ, its requests will not share a batch"
        except Exception as error:
            failures.append(f"{what}: {_line(error)}")
        else:
            checks.append(what)


def _rows_see_each_other(
    name: str,
    ask: Callable[[str, str, np.ndarray], Answer],
    inputs: dict[str, np.ndarray],
) -> bool:
    """Compares a few rows asked one by one with the same asked in one batch."""
    for input_name, rows in inputs.items():
        few = rows[: _BATCH_SIZES[-1]]
        try:
            together = ask(name, input_name, few)
        except LookupError:
            continue
        alone = [ask(name, input_name, few[i : i + 1]) for i in range(len(few))]
        return not all(
            _alike(np.concatenate([answer[key] for answer in alone]), values)
            for key, values in together.items()
        )
    raise LookupError(f"expected one of the inputs {sorted(inputs)}")


def _alike(left: np.ndarray, right: np.ndarray) -> bool:
    if left.shape != right.shape:
        return False
    if left.dtype.kind == "f":
        return bool((np.abs(left - right) <= TOLERANCE).all())
    return bool((left == right).all())


def _line(error: Exception) -> str:
    """Returns the first line of an error's text that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and line != "Graph execution error:"]
    return f"{type(error).__name__}: {' '.join(telling[:1])}"


def _wait() -> int:
    """Imports, waits for a question, and answers it; without one there is no answer."""
    importlib.import_module("serving.server.session")
    question = sys.stdin.readline()
    return main(**json.loads(question)) if question else 0


if __name__ == "__main__":
    # TensorFlow's import makes objects by the hundred thousand that all stay, and
    # this process ends before there is anything to collect.
    gc.disable()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(_wait())
