"""`python local_runner.py`: commands, exit codes, and the order of things."""

import os
import signal
import sys
from types import FrameType
from typing import Any

import click
from rich.console import Console

from components.image_example_gen import mirrors
from components.image_example_gen.source import Observer, ignore
from contract.errors import BadInputError, Terminated
from contract.exits import Exit
from pipeline.config import Config
from runner import flags as run_flags
from runner.datasets import DIGITS_BOUNDS, DataSet, resolve
from runner.one_run import execute
from runner.screen import DownloadBar
from runner.workspace import Workspace

_HELP = """
Run the pipeline on this machine: data, checks, training, gates, push.

Exit codes: 0 the model is served; 1 something broke, see the log; 2 flags,
configuration or data cannot be used; 3 a gate refused; 130 interrupted
(Ctrl-C); 143 terminated. Whatever the code, a version is served whole or not
at all, and the next run picks up from what was finished.
"""

_EPILOG = (
    "Other commands, with the same flags: check (what is in the data?), why (what "
    "would the next run do?)."
)

_WIDTH = {"max_content_width": 88}
_RUN = "run"


class _Group(click.Group):
    """Takes what is no command for the flags of `run`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `run` in front where no command is named."""
        if not args or args[0] not in self.list_commands(ctx):
            args = [_RUN, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of all commands."""
        return [*super().list_commands(ctx), "check", "why"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Returns a command by its name."""
        if cmd_name == "check":
            from runner.check_cli import check

            return check
        if cmd_name == "why":
            from runner.why_cli import why

            return why
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Group, context_settings=_WIDTH)
def main() -> None:
    """Groups the commands."""


@main.command(_RUN, help=_HELP, epilog=_EPILOG, context_settings=_WIDTH)
@run_flags.configuring
@click.option("--no-reuse", is_flag=True, help="Run everything anew.")
@click.option("--verbose", is_flag=True, help="Show the log on the screen as well.")
def run(
    config_path: str | None,
    settings: tuple[str, ...],
    output: str,
    no_reuse: bool,
    verbose: bool,
    **flags: Any,
) -> None:
    """Runs the command; ends the process with one of the documented codes."""
    try:
        config = run_flags.configuration(config_path, settings, flags)
        workspace = Workspace(os.path.abspath(output))
        with workspace.locked():
            dataset = find_data(config)
            signal.signal(signal.SIGTERM, _on_terminate)
            code = execute(
                with_bounds(config, dataset),
                dataset,
                workspace,
                reuse=not no_reuse,
                verbose=verbose,
            )
    except BadInputError as error:
        click.echo(f"error: {error}", err=True)
        code = Exit.BAD_INPUT
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        code = Exit.INTERRUPTED
    except Terminated:
        click.echo("terminated", err=True)
        code = Exit.TERMINATED
    sys.exit(code.value)


def with_bounds(config: Config, dataset: DataSet) -> Config:
    """Returns the configuration with the bounds that fit the data by default."""
    return config.with_gate_defaults(**DIGITS_BOUNDS) if dataset.is_digits else config


def find_data(config: Config, observe: Observer = ignore) -> DataSet:
    """Finds, fetches and checks the data, before anything heavy is imported."""
    console = Console(highlight=False)
    bar = DownloadBar(console)
    try:
        return resolve(
            config.data, _cache(), lambda folder: mirrors.download(folder, bar), observe
        )
    finally:
        bar.stop()


def _cache() -> str:
    """Returns the folder for fetched data, by the XDG base directory spec."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "mnist-tfx-pipeline")


def _on_terminate(signum: int, frame: FrameType | None) -> None:
    raise Terminated
