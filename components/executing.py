"""Base class of our executors."""

from abc import abstractmethod
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

Artifacts = dict[str, types.Artifact]
"""Artifacts by key. TFX passes lists; our keys have one artifact each."""


class BaseExecutor(base_executor.BaseExecutor):
    """An executor with one artifact for each input and output key."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Takes the artifacts out of TFX's lists. A missing input has no key."""
        self._log_startup(input_dict, output_dict, exec_properties)
        self.run(single(input_dict), single(output_dict), exec_properties)

    @abstractmethod
    def run(
        self, inputs: Artifacts, outputs: Artifacts, parameters: dict[str, Any]
    ) -> None:
        """Does the work.

        Args:
            inputs: Input artifacts by key; a missing optional input has no key.
            outputs: Output artifacts by key; the executor writes below their `uri`.
            parameters: Execution parameters by key.
        """


def single(artifacts: dict[str, list[types.Artifact]]) -> Artifacts:
    """Takes each artifact out of TFX's list; an empty list gives no key."""
    return {
        key: artifact_utils.get_single_instance(some)
        for key, some in artifacts.items()
        if some
    }
