"""Ctrl-C and SIGTERM end a process at any point, with an immediate message."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

IN_A_CALLBACK = """
class Last:
    def __del__(self):
        begin()
        time.sleep(0.2)
Last()
time.sleep(60)
"""

WORK = {
    "waits": """
begin()
time.sleep(60)
""",
    "swallows what is raised": """
while True:
    try:
        begin()
        time.sleep(0.1)
    except BaseException:
        pass
""",
    "makes another exception of it, as NumPy's import does": """
try:
    begin()
    time.sleep(60)
except BaseException:
    raise ImportError("a page of advice")
""",
    "is in a long call of C": """
begin()
hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
""",
    "is in a callback, where nothing can be raised": IN_A_CALLBACK,
    "is in a callback, and comes out of it late, as on a busy machine": """
start = threading.Timer.start
def late(timer):
    threading.Timer.start = start
    start(timer)
    time.sleep(0.1)
threading.Timer.start = late
"""
    + IN_A_CALLBACK,
    "leaves a thread": """
threading.Thread(target=time.sleep, args=(60,)).start()
begin()
time.sleep(60)
""",
    "takes long to clear up": """
try:
    begin()
    time.sleep(60)
finally:
    time.sleep(60)
""",
}

PROGRAM = """
import hashlib, sys, threading, time, types
import click
from contract import command, start, stopping

stopping._SHOWN_AFTER_SECONDS, stopping._Process.grace = 0.3, 0.6

def begin():
    print("begun", flush=True)

@click.command()
def work():
{work}

sys.modules["work"] = types.SimpleNamespace(main=lambda: command.run(work, "work"))
start.start("work")
"""


PATIENT = "stopping._SHOWN_AFTER_SECONDS = stopping._Process.grace = 60"
"""A busy machine may need longer than `PROGRAM` allows."""


def begun(work: str) -> "subprocess.Popen[str]":
    indented = "\n".join(f"    {line}" for line in work.splitlines())
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=indented)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
@pytest.mark.parametrize(
    ("signum", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_ends_it_with_the_documented_code_and_a_word(
    work: str, signum: signal.Signals, code: int, word: str
) -> None:
    process = begun(work)
    process.send_signal(signum)
    # A process that ignored the signal would take a minute.
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert word in errors
    assert "Traceback" not in errors


def test_a_second_signal_at_once_does_not_disturb_what_is_being_concluded() -> None:
    """`timeout` does so: it signals a process and its whole group."""
    work = f"""
{PATIENT}
try:
    begin()
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.1)
    print("concluded")
    raise
"""
    process = begun(work)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    screen, errors = process.communicate(timeout=30)
    assert (process.returncode, screen, errors.strip()) == (
        130,
        "concluded\n",
        "interrupted",
    )


def test_what_became_of_the_work_is_told_to_its_end() -> None:
    work = f"""
{PATIENT}
with stopping.concluding():
    begin()
    time.sleep(0.2)
    print("pushed")
"""
    process = begun(work)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30) == ("pushed\n", "")
    assert process.returncode == 0


def test_a_signal_waits_for_the_end_of_what_may_not_be_cut_in_two() -> None:
    work = f"""
{PATIENT}
try:
    with stopping.deferred():
        begin()
        time.sleep(0.2)
        print("noted")
    print("not reached")
except KeyboardInterrupt:
    print("told")
    raise
"""
    process = begun(work)
    process.send_signal(signal.SIGINT)
    screen, _ = process.communicate(timeout=30)
    assert (process.returncode, screen) == (130, "noted\ntold\n")


def test_what_has_to_be_ended_elsewhere_may_take_longer() -> None:
    work = """
stopping.allow(20)
try:
    begin()
    time.sleep(60)
finally:
    time.sleep(1.5)
    print("cancelled", flush=True)
"""
    process = begun(work)
    process.send_signal(signal.SIGTERM)
    screen, errors = process.communicate(timeout=30)
    assert (process.returncode, screen) == (143, "cancelled\n")
    assert errors.splitlines()[0] == "terminated: stopping, within 20 seconds"
