"""Base class of our components: makes TFX's specification from declarations."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import (
    base_beam_component,
    base_component,
    base_executor,
    executor_spec,
)
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from contract import properties
from contract.code import code_digest


class Component(base_component.BaseComponent):
    """A component with one of our executors.

    It is constructed with its inputs and parameters, by their keys. Every component has
    one more parameter, `code`: the digest of its executor's code. An edited executor
    therefore does not reuse the cached outputs of the old one.

    Attributes:
        EXECUTOR: The executor's class. Its module holds only this class and what it
            needs.
        INPUTS: Type of artifact by key.
        PARAMETERS: Type by key: `int` (also used for `bool`), `float`, `str`, or a
            protocol buffer's class.
        OUTPUTS: Type of artifact by key.
        DEFAULTS: Default value by key, for optional inputs and parameters; None means
            that there is no value.
    """

    EXECUTOR: ClassVar[type[base_executor.BaseExecutor]]
    INPUTS: ClassVar[dict[str, type[types.Artifact]]] = {}
    PARAMETERS: ClassVar[dict[str, type]] = {}
    OUTPUTS: ClassVar[dict[str, type[types.Artifact]]] = {}
    DEFAULTS: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        """Makes TFX's `SPEC_CLASS` and `EXECUTOR_SPEC` from the declarations."""
        super().__init_subclass__()
        optional = {key for key, value in cls.DEFAULTS.items() if value is None}
        parameters = {**cls.PARAMETERS, properties.CODE: str}
        cls.SPEC_CLASS = type(
            f"{cls.__name__}Spec",
            (types.ComponentSpec,),
            {
                "INPUTS": {
                    key: ChannelParameter(type=kind, optional=key in optional)
                    for key, kind in cls.INPUTS.items()
                },
                "PARAMETERS": {
                    key: ExecutionParameter(type=kind, optional=key in optional)
                    for key, kind in parameters.items()
                },
                "OUTPUTS": {
                    key: ChannelParameter(type=kind, optional=key in optional)
                    for key, kind in cls.OUTPUTS.items()
                },
            },
        )
        on_beam = issubclass(cls, base_beam_component.BaseBeamComponent)
        cls.EXECUTOR_SPEC = (
            executor_spec.BeamExecutorSpec(cls.EXECUTOR)
            if on_beam
            else executor_spec.ExecutorClassSpec(cls.EXECUTOR)
        )

    def __init__(self, **given: Any) -> None:
        """Constructs the component.

        Raises:
            ValueError: A value is missing.
            TypeError: A value has the wrong type, or its key is not declared.
        """
        known = {*self.INPUTS, *self.PARAMETERS, properties.CODE}
        if unknown := sorted(given.keys() - known):
            # TFX would ignore it silently.
            raise TypeError(f"{type(self).__name__} takes no {', '.join(unknown)}")
        values: dict[str, Any] = {
            properties.CODE: code_digest(self.EXECUTOR.__module__)
        }
        for key, value in {**self.DEFAULTS, **given}.items():
            if value is not None:
                kind = self.PARAMETERS.get(key, str)
                is_number = kind in (int, float) and isinstance(value, int)
                values[key] = kind(value) if is_number else value
        for key in self.makes(given):
            values[key] = types.Channel(type=self.OUTPUTS[key])
        super().__init__(spec=self.SPEC_CLASS(**values))

    def makes(self, given: Mapping[str, Any]) -> Iterable[str]:
        """Returns the keys of the outputs that exist for the given values."""
        return self.OUTPUTS
