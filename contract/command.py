"""Exit codes, error messages and output that all command lines here share.

After any error, the user gets one line (what, where, why, what to do) and the
documented exit code. A traceback goes to the log.
"""

import contextlib
import errno
import itertools
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Never, TextIO

import click

from contract.errors import BadInputError, BrokenError, GateRefusedError, Terminated
from contract.exits import Exit
from contract.program import MOST_LETTERS, of_broken_library, why_not_imported
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
"""Error numbers of an unusable path: it is wrong, or rights are missing."""

_WIDTH = 88
"""Maximum width of the help, in characters."""

_ROOM_BYTES = 1 << 20
"""A file system with less free space than this counts as full."""


def explain(
    error: BaseException, *, begun: bool = False, where: str = ""
) -> tuple[Exit, str]:
    """Returns the exit code of an error, and one line for the user.

    Args:
        error: Any exception.
        begun: Whether the work had begun: then a path that cannot be used is a failure
            (`BROKEN`), and not `BAD_INPUT`.
        where: The output folder, for an error that names no file.
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
    if isinstance(error, Exception) and of_broken_library(error):
        return Exit.BROKEN, why_not_imported(error)
    if _means_full(error, where):
        place = f"{_full_of(where)}: " if where else ""
        return Exit.BROKEN, f"{place}the disk is full: make room there, and start again"
    kind, line = f"{type(error).__name__}: ", first_line(error)
    return Exit.BROKEN, line if line.startswith(kind) else kind + line


def _explain_system(error: OSError, begun: bool, place: str) -> tuple[Exit, str]:
    names = [str(name) for name in (error.filename, error.filename2) if name]
    if error.errno in _FULL and not names and place:
        names = [_full_of(place)]
    where = f"{' -> '.join(names)}: " if names else ""
    why = error.strerror or first_line(error)
    if error.errno in _FULL:
        return Exit.BROKEN, f"{where}{why}: make room there, and start again"
    if error.errno in _UNUSABLE and names and not begun:
        return Exit.BAD_INPUT, f"{where}cannot be used: {why}"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Exit.BROKEN, f"{where}{why}: raise the limit (`ulimit -n`)"
    return Exit.BROKEN, f"{where}{why}"


def _means_full(error: BaseException, place: str) -> bool:
    """Tells whether a library's own error, which is no OSError, means a full disk."""
    text = str(error)
    # ML Metadata's database says the first, TensorFlow's file system the second.
    if "disk is full" in text or os.strerror(errno.ENOSPC) in text:
        return True
    # A database that cannot write gives up its transaction by itself, and ML Metadata
    # then fails to commit it (https://www.sqlite.org/lang_transaction.html).
    return "no transaction is active" in text and bool(place) and _is_full(place)


def _full_of(place: str) -> str:
    """Returns the folder that is full: the output, or the one of temporary files."""
    full = [one for one in (place, tempfile.gettempdir()) if _is_full(one)]
    return full[0] if full else place


def _is_full(folder: str) -> bool:
    try:
        return shutil.disk_usage(folder).free < _ROOM_BYTES
    except OSError:
        return False


def printable(text: str) -> str:
    """Escapes a text to one line: a path may have newlines or terminal sequences."""
    return "".join(
        letter if letter.isprintable() else repr(letter)[1:-1] for letter in text
    )


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message; its class name if it has none.

    If the message is a traceback of another process, such as Beam's workers, the last
    line of the traceback is returned.
    """
    # Keras prints words in bold; logs and pages would show the escape codes.
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
    """Runs a command line, and ends the process with the exit code of its result.

    Args:
        command: The command; it may raise any exception.
        program: Name of the program, for the help.
        explained: Returns the exit code and line of an exception, like `explain`.
        prefix: Beginning of the line of an error.
    """
    # If the reader of a pipe ends, as with `| head`, click exits with 1, without text.
    # The libraries of ML Metadata and gRPC would print the errors that they raise.
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        with stoppable():
            _refuse_empty(sys.argv[1:])
            ended = command.main(
                prog_name=program,
                standalone_mode=False,
                help_option_names=["-h", "--help"],
                max_content_width=_WIDTH,
            )
            sys.exit(ended or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(Exit.BAD_INPUT.value)
    except (Exception, KeyboardInterrupt, Terminated) as error:
        code, line = explained(error)
        if code.value == Exit.BROKEN.value:
            logging.getLogger(__name__).debug("%s broke", program, exc_info=True)
        on_purpose = isinstance(error, KeyboardInterrupt | Terminated | click.Abort)
        # The exit code is the same if standard error is closed.
        with contextlib.suppress(OSError):
            click.echo(line if on_purpose else f"{prefix}: {printable(line)}", err=True)
        sys.exit(code.value)


def _refuse_empty(arguments: Sequence[str]) -> None:
    """Refuses an empty value, which a shell makes of `"$OUTPUT"` if that is not set.

    An empty path would mean the current folder, and an empty name any name. What comes
    after `--` is for another program.

    Raises:
        UsageError: There is an empty value.
    """
    own = itertools.takewhile(lambda argument: argument != "--", arguments)
    for before, argument in itertools.pairwise(("", *own)):
        name, assigned, value = argument.partition("=")
        if not argument:
            name = before
        elif not (name.startswith("--") and assigned and not value):
            continue
        raise click.UsageError(f"{name or 'arguments'}: expected a value, found none")


def console(stream: TextIO | None = None) -> "Console":
    """Returns the console; into a pipe, rows are not wrapped at a terminal's width.

    Args:
        stream: Where it writes to; None for standard output.
    """
    from rich.console import Console

    # The user's names and paths are printed: `my [digits]` must not be read as markup,
    # nor `net.py:boom:` as a picture.
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
    plain["file"] = stream
    here = Console(**plain)
    # Colours may be forced on a pipe, but it has no width.
    return here if here.file.isatty() else Console(**plain, width=200)


def redraws(where: "Console") -> bool:
    """Tells whether the console can redraw a picture.

    Colours may be forced on a file or a pipe, and a terminal may be a dumb one: neither
    can redraw.
    """
    return where.file.isatty() and not where.is_dumb_terminal


@contextlib.contextmanager
def live(where: "Console", picture: "Callable[[], RenderableType]") -> Iterator[None]:
    """Redraws a picture while the block runs, if the console can do this."""
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
    """Prints a text without wrapping and without markup."""
    where.print(text, style=style or None, markup=False, emoji=False, soft_wrap=True)


def print_json(content: Any) -> None:
    """Prints an object as JSON, for programs."""
    click.echo(json.dumps(content, indent=2))
