"""Settings of the section `gates`: the bounds that a model has to keep."""

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
            calibration_error), or the user's own class, as `file.py:Class` or by its
            dotted path.
        min: Lower bound, for a metric of which more is better.
        max: Upper bound, for a metric of which less is better.
        max_champion_loss: Most that it may be worse than the champion's.
        slices: `all` for the whole split, or `class` for each class separately.
        k: The k of top_k.
    """

    name: str
    min: float | None = None
    max: float | None = None
    max_champion_loss: float | None = Field(None, ge=0)
    slices: Literal["all", "class"] = "all"
    k: int | None = Field(None, ge=1)

    def bound(self) -> Bound:
        """Returns the bound for the Evaluator.

        Raises:
            BadInputError: There is no bound, or one on the wrong side.
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
    """Bounds of a model on the test split, and settings that overrule gates.

    Attributes:
        min_accuracy: Lower bound of the accuracy.
        min_class_accuracy: Lower bound of the accuracy for each class.
        max_champion_loss: Most accuracy that a new model may lose against the served
            one.
        max_champion_fall: Most accuracy that the served model may have lost on this
            run's data since its push. If it lost more, the data is of another kind.
        metrics: Further metrics with bounds.
        replay_log: Log of the requests to the served model: the folder, or the
            `filename_prefix` of a server's `logging_config`. The new model predicts the
            same pictures and has to keep the three bounds below. Empty: no replay.
        replay_pictures: Most pictures that are replayed, from the newest requests.
        min_agreement: Least share of them for which both models predict the same class.
        min_class_agreement: The same for the pictures of each class that the served
            model predicted.
        max_share_shift: Most that each class's share of all predictions may move.
        allow_anomalies: Whether to go on in spite of DataGate's findings; it is
            recorded.
        allow_champion_fall: Whether to go on if the champion fell; it is recorded.
        replace_task: Whether to push under a name by which a model of another task is
            served.
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
        """Returns the settings of Replay by the names of its parameters."""
        return {
            "log": self.replay_log,
            "max_pictures": self.replay_pictures,
            "min_agreement": self.min_agreement,
            "min_class_agreement": self.min_class_agreement,
            "max_share_shift": self.max_share_shift,
        }

    def bounds(self) -> list[Bound]:
        """Returns all bounds of a model.

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
