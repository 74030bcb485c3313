"""Classify, Regress and MultiInference over gRPC."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf
from grpc import StatusCode
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    regression_pb2,
)

from tests.serving.server.running import (
    TIMEOUT,
    Failure,
    RunningServer,
    failure_of,
    spec,
)

BAD = StatusCode.INVALID_ARGUMENT
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def examples(*values: float) -> Any:
    listed = input_pb2.Input()
    for value in values:
        feature = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        listed.example_list.examples.append(
            tf.train.Example(features=tf.train.Features(feature={"v": feature}))
        )
    return listed


def classify(server: RunningServer, model: Any, listed: Any) -> Any:
    request = classification_pb2.ClassificationRequest(model_spec=model, input=listed)
    return server.prediction.Classify(request, timeout=TIMEOUT)


def regress(server: RunningServer, model: Any, listed: Any) -> Any:
    request = regression_pb2.RegressionRequest(model_spec=model, input=listed)
    return server.prediction.Regress(request, timeout=TIMEOUT)


def pairs(result: Any) -> list[list[tuple[str, float]]]:
    return [[(c.label, c.score) for c in row.classes] for row in result.classifications]


class TestClassify:
    def test_classes_and_scores(self, server: RunningServer) -> None:
        response = classify(server, spec(signature="classify"), examples(0.5, -2.0))
        assert pairs(response.result) == [
            [("up", 3.5), ("down", -0.5)],
            [("up", 1.0), ("down", 2.0)],
        ]
        assert response.model_spec == spec("adder", "classify", 3)

    def test_scores_alone(self, server: RunningServer) -> None:
        model = spec(signature="scores_only", version=1)
        response = classify(server, model, examples(1.0))
        assert pairs(response.result) == [[("", 2.0), ("", -1.0)]]

    @pytest.mark.parametrize(
        ("signature", "message"),
        [
            ("none", "No signature was found with the name: none"),
            ("two_inputs", "Expected one input Tensor."),
            ("pair", "No classification inputs found in SignatureDef: pair has ['x']"),
        ],
    )
    def test_other_signatures(
        self, server: RunningServer, signature: str, message: str
    ) -> None:
        found = failure_of(classify, server, spec(signature=signature), examples(1.0))
        assert found.message == message

    def test_no_examples(self, server: RunningServer) -> None:
        for listed in (input_pb2.Input(), examples()):
            found = failure_of(classify, server, spec(signature="classify"), listed)
            assert found == Failure(BAD, "Input is empty.")

    def test_without_a_model_spec(self, server: RunningServer) -> None:
        request = classification_pb2.ClassificationRequest(input=examples(1.0))
        found = failure_of(server.prediction.Classify, request, TIMEOUT)
        assert found == Failure(BAD, "Missing ModelSpec")


class TestRegress:
    def test_one_value_per_example(self, server: RunningServer) -> None:
        response = regress(server, spec(signature="regress"), examples(1.0, 2.5))
        assert [item.value for item in response.result.regressions] == [2.0, 5.0]

    def test_a_context_is_part_of_every_example(self, server: RunningServer) -> None:
        listed = input_pb2.Input()
        context = examples(4.0).example_list.examples[0]
        listed.example_list_with_context.context.CopyFrom(context)
        listed.example_list_with_context.examples.add()
        response = regress(server, spec(signature="regress"), listed)
        assert [item.value for item in response.result.regressions] == [8.0]

    def test_an_example_the_graph_cannot_parse(self, server: RunningServer) -> None:
        listed = input_pb2.Input()
        listed.example_list.examples.add()
        found = failure_of(regress, server, spec(signature="regress"), listed)
        assert found.code is BAD
        assert "Feature: v (data type: float) is required" in found.message

    def test_another_number_of_values_than_examples(
        self, server: RunningServer
    ) -> None:
        model = spec(signature="regress_elsewhere")
        found = failure_of(regress, server, model, examples(1.0, 2.0))
        assert found == Failure(
            BAD, "Input batch size did not match output batch size: 2 vs. 1"
        )


class TestMultiInference:
    def ask(
        self, server: RunningServer, *tasks: tuple[str, str], model: str = "adder"
    ) -> Any:
        request = inference_pb2.MultiInferenceRequest(input=examples(1.5))
        for signature, method in tasks:
            request.tasks.add(model_spec=spec(model, signature), method_name=method)
        return server.prediction.MultiInference(request, timeout=TIMEOUT)

    def test_all_tasks_in_their_order(self, server: RunningServer) -> None:
        response = self.ask(server, ("regress", REGRESS), ("classify", CLASSIFY))
        regression, classification = response.results
        assert [r.value for r in regression.regression_result.regressions] == [3.0]
        assert pairs(classification.classification_result) == [
            [("up", 4.5), ("down", -1.5)]
        ]
        assert classification.model_spec == spec("adder", "classify", 3)

    @pytest.mark.parametrize(
        ("tasks", "code", "message"),
        [
            ((), BAD, "Inference request must have at least one task"),
            (
                (("none", CLASSIFY),),
                BAD,
                "Requested signature not found in model graph: none",
            ),
            (
                (("regress", REGRESS), ("regress", REGRESS)),
                BAD,
                "Duplicate evaluation of signature: regress",
            ),
            (
                (("regress", "predict"),),
                StatusCode.UNIMPLEMENTED,
                "Unsupported signature method_name: predict",
            ),
        ],
    )
    def test_refusals(
        self, server: RunningServer, tasks: Any, code: StatusCode, message: str
    ) -> None:
        assert failure_of(self.ask, server, *tasks) == Failure(code, message)

    def test_models(self, server: RunningServer) -> None:
        request = inference_pb2.MultiInferenceRequest(input=examples(1.5))
        request.tasks.add(model_spec=spec("adder", "regress"), method_name=REGRESS)
        request.tasks.add(model_spec=spec("digits", "regress"), method_name=REGRESS)
        call = server.prediction.MultiInference
        assert failure_of(call, request, TIMEOUT) == Failure(
            BAD,
            "All ModelSpecs in a MultiInferenceRequest must access the same model "
            "name.",
        )
        request.tasks[1].model_spec.name = ""
        assert failure_of(call, request, TIMEOUT) == Failure(
            BAD, "Found ModelSpec with an empty model name."
        )
