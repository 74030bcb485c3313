"""What the command lines here share: how they end, and how they print."""

import json
import os
import sys
from typing import Any, Never

import click
from rich.console import Console

from contract.errors import BadInputError

BAD_INPUT, INTERRUPTED = 2, 130


def run(command: click.Command, program: str) -> Never:
    """Runs a command line; an error is one line on standard error.

    Args:
        command: Raises BadInputError, or OSError, for what cannot be done.
        program: Its name, for the help.
    """
    # ML Metadata's library, which is loaded later, would print what it raises.
    os.environ.setdefault("GLOG_minloglevel", "3")
    try:
        sys.exit(command.main(prog_name=program, standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(BAD_INPUT)
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()} (see --help)", err=True)
        sys.exit(BAD_INPUT)
    except (BadInputError, TimeoutError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(BAD_INPUT)
    except OSError as error:
        click.echo(f"error: {error.filename}: {error.strerror}", err=True)
        sys.exit(BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)


def console() -> Console:
    """Returns where to print; a pipe has no width: one line a row, however long."""
    # What is printed are names and paths of people's: `my [digits]` is no markup.
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
    here = Console(**plain)
    return here if here.is_terminal else Console(**plain, width=200)


def print_json(content: Any) -> None:
    """Prints for programs."""
    click.echo(json.dumps(content, indent=2))
