"""Exit codes of a run."""

from enum import Enum


class Exit(Enum):
    """The runner's exit codes.

    `PUSHED`: the model is served (now, or it was already). `BROKEN`: an unexpected
    failure; the log has the details. `BAD_INPUT`: flags, configuration or data cannot
    be used. `REFUSED`: a gate stopped the run. `INTERRUPTED`: Ctrl-C. `TERMINATED`:
    SIGTERM.
    """

    PUSHED = 0
    BROKEN = 1
    BAD_INPUT = 2
    REFUSED = 3
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        """The code in words."""
        return {
            Exit.PUSHED: "pushed",
            Exit.BROKEN: "broken",
            Exit.BAD_INPUT: "bad input",
            Exit.REFUSED: "refused by a gate, nothing was pushed",
            Exit.INTERRUPTED: "interrupted; the next run continues from here",
            Exit.TERMINATED: "terminated; the next run continues from here",
        }[self]


ON_PURPOSE = (Exit.INTERRUPTED, Exit.TERMINATED)
"""Codes of a run that a signal ended."""
