"""Reads the signatures of a SavedModel, and checks requests against them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from serving.server import tensors
from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.tensors import TensorSpec

DEFAULT_SIGNATURE = "serving_default"


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """One `SignatureDef`.

    Attributes:
        name: its key in the model.
        method_name: the method of its export, such as `tensorflow/serving/classify`.
        inputs: by alias, in the order of the aliases.
        outputs: likewise.
        defaults: `TensorProto` of the inputs that a request may leave out.
    """

    name: str
    method_name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    defaults: Mapping[str, Any]

    @classmethod
    def from_def(cls, name: str, definition: Any) -> Self:
        """Reads a `SignatureDef`."""
        return cls(
            name=name,
            method_name=definition.method_name,
            inputs={
                alias: TensorSpec.from_info(alias, definition.inputs[alias])
                for alias in sorted(definition.inputs)
            },
            outputs={
                alias: TensorSpec.from_info(alias, definition.outputs[alias])
                for alias in sorted(definition.outputs)
            },
            defaults=dict(getattr(definition, "defaults", {})),
        )

    def decode_inputs(
        self, inputs: Mapping[str, Any], limit: int
    ) -> tuple[np.ndarray, ...]:
        """Converts a request's tensors to arrays, in the order of `self.inputs`.

        Args:
            inputs: `TensorProto` by alias.
            limit: most bytes that all arrays together may take.

        Raises:
            ServingError: INVALID_ARGUMENT, with the texts of predict_util.cc and
                tensorflow/cc/saved_model/util.cc.
        """
        self.check_input_count(inputs)
        arrays = []
        for position, (alias, spec) in enumerate(self.inputs.items()):
            if alias in inputs:
                proto = inputs[alias]
            elif alias in self.defaults:
                proto = self.defaults[alias]
            else:
                raise invalid_argument(
                    f"Signature input alias: {alias}(feed name: {spec.name}) not found "
                    "in request and no default value provided. Inputs expected to be "
                    f"in the request {{{_joined(self.inputs)}}}, or default input "
                    f"alias set: {_joined(self.defaults)}"
                )
            array = tensors.decode(proto, spec, position, limit)
            limit -= array.nbytes
            arrays.append(array)
        used = [alias for alias in self.inputs if alias in inputs]
        if len(used) != len(inputs):
            raise invalid_argument(
                "Inputs contains invalid name. Used request inputs: "
                f"{_joined(used)}, request input: {_joined(inputs)}"
            )
        return tuple(arrays)

    def check_input_count(self, inputs: Mapping[str, Any]) -> None:
        """Refuses a request with more or fewer inputs than the signature has."""
        found, expected = len(inputs), len(self.inputs)
        if found == expected or (found < expected and self.defaults):
            return
        extra = [alias for alias in inputs if alias not in self.inputs]
        missing = [alias for alias in self.inputs if alias not in inputs]
        raise invalid_argument(
            f"input size does not match signature: {found}!={expected} "
            f"len({{{_joined(inputs)}}}) != len({{{_joined(self.inputs)}}}). Sent "
            f"extra: {{{_joined(extra)}}}. Missing but required: "
            f"{{{_joined(missing)}}}."
        )

    def select_outputs(self, output_filter: Sequence[str]) -> tuple[str, ...]:
        """Returns the requested aliases of outputs: all of them without a filter.

        Raises:
            ServingError: INVALID_ARGUMENT; an alias is unknown or repeated.
        """
        if not output_filter:
            return tuple(self.outputs)
        chosen: list[str] = []
        for alias in output_filter:
            if alias not in self.outputs:
                raise invalid_argument(
                    f"output tensor alias not found in signature: {alias} Outputs "
                    f"expected to be in the set {{{_joined(self.outputs)}}}."
                )
            if alias in chosen:
                raise invalid_argument(f"duplicate output tensor alias: {alias}")
            chosen.append(alias)
        return tuple(sorted(chosen))

    def feeds(self) -> tuple[TensorSpec, ...]:
        """Returns the inputs; every one must be a single tensor of the graph.

        Raises:
            ServingError: UNIMPLEMENTED; one is sparse, ragged or another composite.
        """
        return _single(self.inputs.values())

    def fetches(self, aliases: Sequence[str]) -> tuple[TensorSpec, ...]:
        """Returns the outputs `aliases`; raises the same error as `feeds`."""
        return _single(self.outputs[alias] for alias in aliases)


def _single(specs: Any) -> tuple[TensorSpec, ...]:
    chosen = tuple(specs)
    for spec in chosen:
        if not spec.name:
            raise ServingError(
                Code.UNIMPLEMENTED,
                f"Tensor {spec.alias} is not one dense tensor; only those are served",
            )
    return chosen


def _joined(names: Any) -> str:
    return ",".join(sorted(names))
