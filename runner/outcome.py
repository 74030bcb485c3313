"""The results of a run, in classes that need neither TensorFlow nor TFX."""

from dataclasses import dataclass, field

from contract.demands import Demand


@dataclass(frozen=True)
class Pushed:
    """A version that is being served."""

    version: int
    path: str
    already_served: bool
    label: str = ""


@dataclass(frozen=True)
class Outcome:
    """The results of a run; None or empty for steps that the run did not reach.

    Attributes:
        demands: Every demand of every gate that gave a verdict.
        test_accuracy: Accuracy on the test split, as Keras measured it.
        pushed: The version that is served as this run's result.
        left_out: Why there was no comparison with the served version; mostly empty.
        replay_left_out: Why there was no comparison with its logged answers; empty
            if there was one, or if no version is served.
    """

    demands: list[Demand] = field(default_factory=list)
    test_accuracy: float | None = None
    pushed: Pushed | None = None
    left_out: str = ""
    replay_left_out: str = ""
