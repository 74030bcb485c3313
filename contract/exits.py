"""How a run can end, as an exit code."""

from enum import Enum


class Exit(Enum):
    """The runner's exit codes.

    `PUSHED`: the model is served (now, or it was already). `BROKEN`: something
    failed that should not; the log says what. `BAD_INPUT`: flags, configuration
    or data cannot be used. `REFUSED`: a gate stopped it. `INTERRUPTED`: Ctrl-C;
    `TERMINATED`: the same by SIGTERM.
    """

    PUSHED = 0
    BROKEN = 1
    BAD_INPUT = 2
    REFUSED = 3
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        """Returns the code in words."""
        return {
            Exit.PUSHED: "pushed",
            Exit.BROKEN: "broken",
            Exit.BAD_INPUT: "bad input",
            Exit.REFUSED: "refused by a gate, nothing was pushed",
            Exit.INTERRUPTED: "interrupted; the next run picks up from here",
            Exit.TERMINATED: "terminated; the next run picks up from here",
        }[self]
