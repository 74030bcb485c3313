"""The start times of a recurring run, in KFP's form."""

import pytest

from contract.errors import BadInputError
from runner.kubeflow.schedules import cron, seconds


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        # KFP would read these as second, minute, hour, day and month.
        ("0 3 * * *", "0 0 3 * * *"),
        ("*/15 9-17 * * mon-fri", "0 */15 9-17 * * mon-fri"),
        ("30 0 3 1,15 JAN ?", "30 0 3 1,15 JAN ?"),
        ("0  0 3 * * 2-6/2", "0 0 3 * * 2-6/2"),
        ("@daily", "@daily"),
    ],
)
def test_cron_is_sent_with_six_fields(given: str, sent: str) -> None:
    assert cron(given) == sent


@pytest.mark.parametrize(("given", "found"), [("3am", 1), ("0 3 * * * * *", 7)])
def test_no_cron(given: str, found: int) -> None:
    with pytest.raises(BadInputError, match=f"^--cron: .* found {found} in '"):
        cron(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("3600", 3600), ("90s", 90), ("90m", 5400), ("1h", 3600), ("1d", 86400)],
)
def test_durations(given: str, expected: int) -> None:
    assert seconds(given, "--every") == expected


@pytest.mark.parametrize("given", ["", "0", "0h", "-5", "1.5h", "1w", "h", "1 h"])
def test_no_duration(given: str) -> None:
    with pytest.raises(BadInputError, match=r"^--every: expected seconds, or"):
        seconds(given, "--every")
