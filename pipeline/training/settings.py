"""Settings of the section `training`: the network, and how it is fitted.

This module checks what needs no Keras, when the configuration is read.
`pipeline.training.network` and `pipeline.training.compiling` check the rest before the
Trainer reads any data.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from contract.code import own_digest, split_reference
from contract.errors import BadInputError
from pipeline.section import Section

OFFERED = ("mlp", "cnn")
"""Names of the networks in `pipeline.model`."""

_ANY_OPTIMIZER = (
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)

_OWN_OPTIONS: dict[str, tuple[str, ...]] = {
    "Adadelta": ("rho", "epsilon"),
    "Adafactor": (
        *("beta_2_decay", "epsilon_1", "epsilon_2"),
        *("clip_threshold", "relative_step"),
    ),
    "Adagrad": ("initial_accumulator_value", "epsilon"),
    "Adam": ("beta_1", "beta_2", "epsilon", "amsgrad"),
    "AdamW": ("beta_1", "beta_2", "epsilon", "amsgrad"),
    "Adamax": ("beta_1", "beta_2", "epsilon"),
    "Ftrl": (
        *("learning_rate_power", "initial_accumulator_value", "beta"),
        *("l1_regularization_strength", "l2_regularization_strength"),
        "l2_shrinkage_regularization_strength",
    ),
    "Lamb": ("beta_1", "beta_2", "epsilon"),
    "Lion": ("beta_1", "beta_2"),
    "Muon": (
        *("adam_beta_1", "adam_beta_2", "adam_weight_decay", "adam_lr_ratio"),
        *("epsilon", "exclude_layers", "exclude_embeddings"),
        *("muon_a", "muon_b", "muon_c"),
        *("momentum", "ns_steps", "nesterov", "rms_rate"),
    ),
    "Nadam": ("beta_1", "beta_2", "epsilon"),
    "RMSprop": ("rho", "momentum", "epsilon", "centered"),
    "SGD": ("momentum", "nesterov"),
    "ScheduleFreeAdamW": ("beta_1", "beta_2", "epsilon", "warmup_steps"),
}

OPTIMIZERS = {
    name: (*own, *_ANY_OPTIMIZER) for name, own in sorted(_OWN_OPTIONS.items())
}
"""Keras' optimisers by class name, with the options that each takes. Learning rate and
weight decay are left out, as they are settings of their own. The list stands here so
that a wrong name is found without the import of Keras, which takes seconds; a test
compares it with Keras."""

_WRAPPERS = ("LossScaleOptimizer", "MultiOptimizer")
"""Keras' optimisers that wrap others."""

_OF_KIND: dict[str, tuple[str, ...]] = {
    "constant": (),
    "cosine": ("warmup_epochs", "final"),
    "exponential": ("factor",),
    "piecewise": ("epochs", "factors"),
    "plateau": ("factor", "patience", "minimum"),
}

_Positive = Annotated[float, Field(gt=0)]


class Schedule(Section):
    """The schedule of the learning rate: `training.schedule`.

    Attributes:
        kind: `constant`; `cosine`: falls along a cosine over all epochs;
            `exponential`: falls a little at each step, by the same factor each epoch;
            `piecewise`: changes at given epochs; `plateau`: is reduced when the loss on
            the eval split has stopped falling.
        warmup_epochs: For cosine: number of epochs in which it first rises from 0,
            linearly.
        final: For cosine: share of the learning rate that is left at the end.
        factor: For exponential: factor of each epoch. For plateau: factor of each
            reduction.
        epochs: For piecewise: epochs after which it changes.
        factors: For piecewise: share of the learning rate after each of these epochs.
        patience: For plateau: epochs without a lower loss before a reduction.
        minimum: For plateau: lowest learning rate.
    """

    kind: Literal["constant", "cosine", "exponential", "piecewise", "plateau"] = (
        "constant"
    )
    warmup_epochs: float = Field(0, ge=0)
    final: float = Field(0, ge=0, le=1)
    factor: float = Field(0.5, gt=0, lt=1)
    epochs: tuple[Annotated[int, Field(ge=1)], ...] = Field((), strict=False)
    factors: tuple[_Positive, ...] = Field((), strict=False)
    patience: int = Field(3, ge=1)
    minimum: float = Field(0, ge=0)

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        own = _OF_KIND[self.kind]
        # A schedule that was read from JSON has all fields, with their defaults.
        foreign = [
            name
            for name, field in type(self).model_fields.items()
            if name not in ("kind", *own) and getattr(self, name) != field.default
        ]
        if foreign:
            raise ValueError(
                f"{foreign[0]}: expected {', '.join(own) or 'nothing else'} for "
                f"{self.kind}"
            )
        if self.kind == "piecewise" and not (
            self.epochs
            and len(self.epochs) == len(self.factors)
            and list(self.epochs) == sorted(set(self.epochs))
        ):
            raise ValueError(
                "piecewise: expected rising epochs and as many factors, found epochs "
                f"{list(self.epochs)} and factors {list(self.factors)}"
            )
        return self

    def as_dict(self) -> dict[str, Any]:
        """Returns the kind and the fields that belong to it."""
        return self.model_dump(mode="json", include={"kind", *_OF_KIND[self.kind]})


class EarlyStopping(Section):
    """Settings for a stop before the last epoch: `training.early_stopping`.

    The weights of the best epoch are kept, even if the training did not stop early.

    Attributes:
        patience: Epochs that may pass without a better one.
        monitor: Metric that is watched on half of the eval split: `val_loss` or
            `val_accuracy`.
        min_delta: Smallest difference that counts as better.
    """

    patience: int = Field(ge=1)
    monitor: Literal["val_loss", "val_accuracy"] = "val_loss"
    min_delta: float = Field(0, ge=0)


class Training(Section):
    """The network and how it is fitted; the defaults are the notebook's.

    Attributes:
        model: `mlp`, the notebook's network; `cnn`; or the user's own function, as
            `file.py:function` or by its dotted path; see `docs/training.md`.
        epochs: Passes over the training rows.
        batch_size: Number of rows in a step.
        learning_rate: The optimiser's learning rate.
        hidden_units: Widths of the hidden layers; for `cnn` those after its
            convolutions.
        dropout: Share of the hidden layers' outputs that is dropped in each step.
        optimizer: Class name of one of Keras' optimisers.
        optimizer_options: Further arguments of the optimiser, by Keras' names.
        weight_decay: The optimiser's argument of this name; None is Keras' default.
        schedule: Schedule of the learning rate.
        label_smoothing: Share of the target that is spread over all classes.
        class_weights: Weight of an image of each class in the loss: `none` is 1 for
            all, `balanced` gives each class the same sum, or numbers by class name.
        early_stopping: When to stop before the last epoch; None never does.
        warm_start: Whether training starts from the weights of the champion, the
            version that is served. If its network or task is another, the run says so
            and starts from new weights.
        seed: Seed of the initial weights and of the order of the rows; the same seed
            gives the same weights, bit by bit.
        cache_mb: Memory for the rows that every epoch reads, in MB (MNIST takes 220).
            Further rows are read from a temporary file, with the same result.
    """

    model: str = "mlp"
    epochs: int = Field(25, ge=1)
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    # Not strict, as TOML and JSON have lists and no tuples.
    hidden_units: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (128, 32), strict=False
    )
    dropout: float = Field(0, ge=0, lt=1)
    optimizer: str = "Adam"
    optimizer_options: dict[str, Any] = Field(default_factory=dict)
    weight_decay: float | None = Field(None, ge=0)
    schedule: Schedule = Schedule()
    label_smoothing: float = Field(0, ge=0, lt=1)
    class_weights: str | dict[str, float] = "none"
    early_stopping: EarlyStopping | None = None
    warm_start: bool = False
    seed: int = Field(1, ge=0, lt=2**32)
    cache_mb: int = Field(256, ge=0)

    @field_validator("schedule", mode="before")
    @classmethod
    def _kind_alone(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @field_validator("schedule")
    @classmethod
    def _within_epochs(cls, value: Schedule, info: ValidationInfo) -> Schedule:
        epochs = info.data.get("epochs", float("inf"))
        if value.warmup_epochs >= epochs:
            raise ValueError(
                f"warmup_epochs: expected less than training.epochs, {epochs}, found "
                f"{value.warmup_epochs:g}"
            )
        return value

    @field_validator("early_stopping", mode="before")
    @classmethod
    def _patience_alone(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return {"patience": value}
        return value

    @field_validator("model")
    @classmethod
    def _offered_or_there(cls, value: str) -> str:
        if value in OFFERED:
            return value
        try:
            split_reference(value)
        except BadInputError as error:
            raise ValueError(
                f"expected {' or '.join(OFFERED)}, file.py:function or the dotted path "
                f"of a function: {error}"
            ) from error
        return value

    @field_validator("optimizer")
    @classmethod
    def _by_keras_name(cls, value: str) -> str:
        by_lower = {name.lower(): name for name in OPTIMIZERS}
        if value.lower() in by_lower:
            return by_lower[value.lower()]
        if value.lower() in (name.lower() for name in _WRAPPERS):
            raise ValueError(
                f"{value} is made of other optimisers: compile it with the network, "
                "in a function of your own (training.model)"
            )
        raise ValueError(f"expected one of {', '.join(OPTIMIZERS)}, found {value!r}")

    @field_validator("optimizer_options")
    @classmethod
    def _known_to_optimizer(
        cls, value: dict[str, Any], info: ValidationInfo
    ) -> dict[str, Any]:
        # If the optimiser is invalid, there is an error about it already.
        optimizer = info.data.get("optimizer")
        known = OPTIMIZERS.get(str(optimizer), tuple(value))
        for name, content in value.items():
            if name in ("learning_rate", "weight_decay"):
                raise ValueError(f"{name}: expected as the setting training.{name}")
            if name not in known:
                raise ValueError(
                    f"{name}: expected for {optimizer} one of {', '.join(known)}"
                )
            if not isinstance(content, bool | int | float | str | list):
                raise ValueError(f"{name}: expected a single value, found {content!r}")
        return value

    @field_validator("class_weights", mode="before")
    @classmethod
    def _word_or_numbers(cls, value: Any) -> Any:
        if value in ("none", "balanced"):
            return value
        if isinstance(value, dict) and all(
            isinstance(weight, int | float)
            and not isinstance(weight, bool)
            # NaN fails this comparison, too.
            and 0 < weight < float("inf")
            for weight in value.values()
        ):
            return {str(name): float(weight) for name, weight in value.items()}
        raise ValueError(
            "expected none, balanced, or numbers above 0 by the names of classes, "
            f"found {value!r}"
        )

    @property
    def has_own(self) -> bool:
        """Whether a setting is the user's own, which only Keras can check."""
        return (
            self.model not in OFFERED
            or bool(self.optimizer_options)
            or isinstance(self.class_weights, dict)
        )

    def code(self) -> str:
        """Returns the digest of the code of the user's own network, or "".

        It is part of the Trainer's cache key and of the recipe. The built-in networks
        are part of the Trainer's own code.

        Raises:
            BadInputError: There is no such file or module.
        """
        return "" if self.model in OFFERED else own_digest(self.model)
