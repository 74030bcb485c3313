"""What the command lines here share: how they end, and how they print.

Whatever happens, a person gets one line (what, where, why, what to do) and the
documented exit code. The traceback, where there is one, goes to the log.
"""

import contextlib
import errno
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any, Never

import click

from contract.errors import BadInputError, BrokenError, GateRefusedError, Terminated
from contract.exits import Exit
from contract.start import MOST_LETTERS, why_not_imported
from contract.stopping import stoppable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNUSABLE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ELOOP,
    errno.ENAMETOOLONG,
)
"""What is wrong with a path that somebody named, or with the rights to it."""

_ROOM_BYTES = 1 << 20
"""A file system with less room than that counts as full."""


def explain(
    error: BaseException, *, begun: bool = False, where: str = ""
) -> tuple[Exit, str]:
    """Returns what an error means: the exit code, and one line for people.

    Args:
        error: Whatever was raised.
        begun: Whether work had begun: then a path that cannot be used is something
            that broke, and not something that was asked for.
        where: The folder that was written to, for an error that names no file.
    """
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Exit.INTERRUPTED, "interrupted"
    if isinstance(error, Terminated):
        return Exit.TERMINATED, "terminated"
    if isinstance(error, GateRefusedError):
        return Exit.REFUSED, str(error)
    if isinstance(error, BadInputError):
        return Exit.BAD_INPUT, str(error)
    if isinstance(error, BrokenError):
        return Exit.BROKEN, str(error)
    if isinstance(error, click.ClickException):
        return Exit.BAD_INPUT, f"{error.format_message()} (see --help)"
    if isinstance(error, TimeoutError) and error.args and not error.errno:
        return Exit.BAD_INPUT, first_line(error)
    if isinstance(error, OSError):
        return _explain_system(error, begun, where)
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return Exit.BROKEN, (
            "no more threads can be started: give this machine or container more "
            "memory or processes (`ulimit -v`, `ulimit -u`)"
        )
    if isinstance(error, MemoryError):
        return Exit.BROKEN, "out of memory: give this machine or container more"
    if isinstance(error, ImportError):
        return Exit.BROKEN, why_not_imported(error)
    # ML Metadata's library, of its database, before the statement that it tried.
    if "disk is full" in str(error):
        return Exit.BROKEN, "the disk is full: make room, and start again"
    kind, line = f"{type(error).__name__}: ", first_line(error)
    return Exit.BROKEN, line if line.startswith(kind) else kind + line


def _explain_system(error: OSError, begun: bool, place: str) -> tuple[Exit, str]:
    names = [str(name) for name in (error.filename, error.filename2) if name]
    if error.errno in _FULL and not names and place:
        # Much of what is written for a moment is not written there.
        full = [one for one in (place, tempfile.gettempdir()) if _is_full(one)]
        names = full[:1] or [place]
    where = f"{' -> '.join(names)}: " if names else ""
    why = error.strerror or first_line(error)
    if error.errno in _FULL:
        return Exit.BROKEN, f"{where}{why}: make room there, and start again"
    if error.errno in _UNUSABLE and names and not begun:
        return Exit.BAD_INPUT, f"{where}cannot be used: {why}"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Exit.BROKEN, f"{where}{why}: raise the limit (`ulimit -n`)"
    return Exit.BROKEN, f"{where}{why}"


def _is_full(folder: str) -> bool:
    try:
        return shutil.disk_usage(folder).free < _ROOM_BYTES
    except OSError:
        return False


def printable(text: str) -> str:
    """Returns a text on one line: a path may have a newline, or move the cursor."""
    return "".join(
        letter if letter.isprintable() else repr(letter)[1:-1] for letter in text
    )


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message; its name if it has none.

    Where the message is the traceback of another process, as of Beam's workers, that is
    the line with which it ends.
    """
    # Keras marks words in bold, which a log and a page show as they are.
    text = click.unstyle(str(error))
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and lines[0].startswith("Traceback (most recent call last)"):
        lines = [line for line in lines if not line.startswith((" ", "\t"))][-1:]
    lines = [line.strip() for line in lines]
    return (lines[0] if lines else type(error).__name__)[:MOST_LETTERS]


Explain = Callable[[BaseException], tuple[Enum, str]]


def run(
    command: click.Command,
    program: str,
    explained: Explain = explain,
    prefix: str = "error",
) -> Never:
    """Runs a command line, and ends the process as an explanation says.

    Args:
        command: Raises whatever it likes.
        program: Its name, for the help.
        explained: Like `explain`: returns an exit code and a line.
        prefix: What the line of an error begins with.
    """
    # Where nobody reads on, as with `| head`, click ends without a word, with 1.
    # ML Metadata's library and gRPC's, which start later, would print what they raise.
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        with stoppable():
            sys.exit(command.main(prog_name=program, standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(Exit.BAD_INPUT.value)
    except (Exception, KeyboardInterrupt, Terminated) as error:
        code, line = explained(error)
        if code.value == Exit.BROKEN.value:
            logging.getLogger(__name__).debug("%s broke", program, exc_info=True)
        on_purpose = isinstance(error, KeyboardInterrupt | Terminated | click.Abort)
        # That nobody can be told changes nothing.
        with contextlib.suppress(OSError):
            click.echo(line if on_purpose else f"{prefix}: {printable(line)}", err=True)
        sys.exit(code.value)


def console() -> "Console":
    """Returns where to print; a pipe has no width: one line a row, however long."""
    from rich.console import Console

    # What is printed are names and paths of people's: `my [digits]` is no markup.
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
    here = Console(**plain)
    # Colours may be forced on a pipe; they give it no width.
    return here if here.file.isatty() else Console(**plain, width=200)


def redraws(where: "Console") -> bool:
    """Tells whether a picture may be drawn again and again there.

    Colours may be forced on a file or a pipe, and a terminal may be a dumb one: such
    a picture is for neither.
    """
    return where.file.isatty() and not where.is_dumb_terminal


@contextlib.contextmanager
def live(where: "Console", picture: "Callable[[], RenderableType]") -> Iterator[None]:
    """Keeps a picture up to date while the block runs, where one can be drawn."""
    from rich.live import Live

    if not redraws(where):
        yield
        return
    with Live(
        console=where,
        get_renderable=picture,
        refresh_per_second=4,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield


def say(where: "Console", text: str, style: str = "") -> None:
    """Prints a text as it is, however long."""
    where.print(text, style=style or None, markup=False, soft_wrap=True)


def print_json(content: Any) -> None:
    """Prints for programs."""
    click.echo(json.dumps(content, indent=2))
