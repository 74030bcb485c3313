"""What a run came to; known without TensorFlow or TFX."""

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
    """What is known of a run's results; what it did not get to is None or empty.

    Attributes:
        demands: Every demand of every gate that gave a verdict.
        test_accuracy: Keras' own, on the test split.
        pushed: The version that is served as this run's result.
        left_out: Why the served version was not compared with; mostly empty.
        replay_left_out: Why its logged answers were not; empty if they were, or if
            there is no served version.
    """

    demands: list[Demand] = field(default_factory=list)
    test_accuracy: float | None = None
    pushed: Pushed | None = None
    left_out: str = ""
    replay_left_out: str = ""
