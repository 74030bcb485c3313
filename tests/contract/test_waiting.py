"""A wait for another program is shown, is limited, and can be interrupted."""

import signal
import threading
import time
from collections.abc import Callable

import pytest

from contract import waiting
from contract.waiting import SilenceError, awaited, told


def test_an_answer_is_returned() -> None:
    assert awaited(lambda heard: 7) == 7


def test_what_the_asking_raises_is_raised() -> None:
    def fail(heard: Callable[[], None]) -> None:
        raise LookupError("nobody there")

    with pytest.raises(LookupError, match="nobody there"):
        awaited(fail)


def test_silence_ends_the_wait() -> None:
    never = threading.Event()
    with pytest.raises(SilenceError, match=r"^no answer within 0\.05 seconds$"):
        awaited(lambda heard: never.wait(30), 0.05)
    never.set()


def test_it_goes_on_as_long_as_something_comes() -> None:
    def trickle(heard: Callable[[], None]) -> str:
        for _ in range(20):
            time.sleep(0.05)
            heard()
        return "all of it"

    assert awaited(trickle, 0.9) == "all of it"


def test_ctrl_c_is_heard_whatever_hangs() -> None:
    never = threading.Event()
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        awaited(lambda heard: never.wait(30))
    never.set()


@pytest.mark.parametrize(("seconds", "shown"), [(0.0, ""), (0.2, "waiting for x\n")])
def test_what_takes_long_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    seconds: float,
    shown: str,
) -> None:
    monkeypatch.setattr(waiting, "_SHOWN_AFTER_SECONDS", 0.05 if seconds else 5)
    with told("waiting for x"):
        time.sleep(seconds)
    assert capsys.readouterr().err == shown
