"""Section `gates` of the configuration: what a model has to reach."""

import re
from typing import Any, Literal

from pydantic import Field

from contract.bounds import BY_CLASS, Bound
from contract.code import split_reference
from contract.demands import AT_LEAST
from contract.errors import BadInputError
from contract.metric import make_metric
from pipeline.metrics import OFFERED
from pipeline.section import Section, Share


class MetricBound(Section):
    """A further metric with a bound: `[[gates.metrics]]`.

    Attributes:
        name: One of `pipeline.metrics.OFFERED` (accuracy, macro_f1, top_k, log_loss,
            calibration_error), or a class of one's own, as `file.py:Class` or by its
            dotted path.
        min: What has to be reached, for a metric of which more is better.
        max: What must not be passed, for one of which less is better.
        max_champion_loss: How much worse than the champion's it may be.
        slices: `all`, or `class`: the bound holds for each class alone.
        k: Of top_k.
    """

    name: str
    min: float | None = None
    max: float | None = None
    max_champion_loss: float | None = Field(None, ge=0)
    slices: Literal["all", "class"] = "all"
    k: int | None = Field(None, ge=1)

    def bound(self) -> Bound:
        """Returns it as the Evaluator takes it.

        Raises:
            BadInputError: It has no bound, or one of the wrong side.
        """
        own = OFFERED.get(self.name)
        path = f"{own.__module__}.{own.__name__}" if own else self.name
        options = {} if self.k is None else {"k": self.k}
        if own is None:
            try:
                split_reference(path)
            except BadInputError as error:
                raise BadInputError(
                    f"gates.metrics: {self.name}: expected one of "
                    f"{', '.join(OFFERED)}, file.py:Class or the dotted path of a "
                    f"class: {error}"
                ) from error
        metric = make_metric(path, options)
        wanted = "min" if metric.direction == AT_LEAST else "max"
        other = {"min": "max", "max": "min"}[wanted]
        if getattr(self, other) is not None:
            raise BadInputError(
                f"gates.metrics: {self.name}: {other}: expected {wanted}, as "
                f"{'more' if wanted == 'min' else 'less'} is better"
            )
        value = getattr(self, wanted)
        if value is None and self.max_champion_loss is None:
            raise BadInputError(
                f"gates.metrics: {self.name}: expected {wanted} or max_champion_loss, "
                "found neither"
            )
        if self.slices == BY_CLASS and not metric.by_class:
            raise BadInputError(
                f"gates.metrics: {self.name}: slices: expected all, as it means "
                "nothing on the rows of one class"
            )
        name = re.split(r"[.:]", self.name)[-1]
        if self.k is not None:
            name = f"{name}_{self.k}".replace("top_k_", "top_")
        return Bound(name, path, options, value, self.max_champion_loss, self.slices)


class Gates(Section):
    """What a model has to reach on the test split, and what a person overrules.

    Attributes:
        min_accuracy: Lower bound of the share answered rightly.
        min_class_accuracy: The same for each class alone.
        max_champion_loss: How much accuracy a new model may lose against the
            one that is served.
        max_champion_fall: How much accuracy the served model may have lost on this
            run's data since it was pushed; where it is more, these are other data.
        metrics: Further metrics with bounds.
        replay_log: The log of what callers asked of the served model: the folder, or
            the `filename_prefix` of a server's `logging_config`. The new model answers
            the same pictures, and is held to the three bounds below. Empty: it does
            not.
        replay_pictures: Most pictures that it answers, of the newest requests.
        min_agreement: Least share of them that it answers with the same class.
        min_class_agreement: The same of those that the served model answered with a
            class, for each class alone.
        max_share_shift: How far each class's share of all answers may move.
        allow_anomalies: Go on in spite of what DataGate finds; kept on record.
        allow_champion_fall: Go on where the champion fell; kept on record.
        replace_task: Push under a name by which a model of another task is served.
    """

    min_accuracy: Share = 0.97
    min_class_accuracy: Share = 0.93
    max_champion_loss: Share = 0.005
    max_champion_fall: Share = 0.1
    metrics: tuple[MetricBound, ...] = Field((), strict=False)
    replay_log: str = ""
    replay_pictures: int = Field(10_000, ge=1)
    min_agreement: Share = 0.95
    min_class_agreement: Share = 0.85
    max_share_shift: Share = 0.02
    allow_anomalies: bool = False
    allow_champion_fall: bool = False
    replace_task: bool = False

    def replay(self) -> dict[str, Any]:
        """Returns the settings of Replay, by its parameters."""
        return {
            "log": self.replay_log,
            "max_pictures": self.replay_pictures,
            "min_agreement": self.min_agreement,
            "min_class_agreement": self.min_class_agreement,
            "max_share_shift": self.max_share_shift,
        }

    def bounds(self) -> list[Bound]:
        """Returns all that a model is held to.

        Raises:
            BadInputError: One of `metrics` cannot be used.
        """
        overall = MetricBound(
            name="accuracy",
            min=self.min_accuracy,
            max_champion_loss=self.max_champion_loss,
        )
        by_class = MetricBound(
            name="accuracy", min=self.min_class_accuracy, slices="class"
        )
        bounds = [
            overall.bound(),
            by_class.bound(),
            *(metric.bound() for metric in self.metrics),
        ]
        measured: dict[str, Bound] = {}
        for bound in bounds:
            same = measured.setdefault(bound.name, bound)
            if (same.path, same.options) != (bound.path, bound.options):
                raise BadInputError(
                    f"gates.metrics: {bound.name}: expected one metric of that name, "
                    f"found {same.path} and {bound.path}"
                )
        return bounds
