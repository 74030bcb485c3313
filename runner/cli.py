"""`python local_runner.py`: its commands and exit codes."""

import difflib
import importlib
from contextlib import nullcontext
from typing import Never

import click
from rich.console import Console

from components.image_example_gen import mirrors
from components.image_example_gen.source import Observer, ignore
from contract import command
from contract.options import VERBOSE
from contract.waiting import told
from pipeline.config import Config
from runner.datasets import DIGITS_BOUNDS, DataSet, resolve
from runner.flags import Asked, configuring
from runner.folders import cache_folder
from runner.one_run import execute
from runner.screen import DownloadBar

_HELP = """
Run the pipeline on this machine: data, checks, training, gates, push.

Exit codes: 0 the model is served; 1 something failed, see the log; 2 flags,
configuration or data cannot be used; 3 a gate refused the model; 130 interrupted
(Ctrl-C); 143 terminated. With every code, a version is served either completely
or not at all, and the next run reuses the nodes that were finished.
"""

_EPILOG = (
    "Other commands: check (inspect the data), why (explain what the next run would "
    "execute), clean (remove old files), monitor (examine the requests of a served "
    "model), watch (start runs for new data); see `local_runner.py COMMAND --help`."
)

_FURTHER = {
    "check": "runner.check_cli",
    "why": "runner.why_cli",
    "clean": "runner.clean_cli",
    "monitor": "runner.monitor_cli",
    "watch": "runner.watch_cli",
}
"""Module of each further command; imported only when the command is called."""

_RUN = "run"


class _Group(click.Group):
    """A group of commands with `run` as the default command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Inserts `run` where the arguments begin with a flag or are empty."""
        names = self.list_commands(ctx)
        if not args or args[0].startswith("-"):
            args = [_RUN, *args]
        elif args[0] not in names:
            near = difflib.get_close_matches(args[0], names, 1)
            raise click.UsageError(
                f"{args[0]}: expected a flag, as --data PATH, or one of "
                f"{', '.join(names)}" + (f": did you mean {near[0]}?" if near else "")
            )
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_FURTHER]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _FURTHER:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(_FURTHER[cmd_name])
        return getattr(module, cmd_name)


@click.group(cls=_Group)
def cli() -> None:
    """Groups the commands."""


@cli.command(_RUN, help=_HELP, epilog=_EPILOG)
@configuring
@click.option(
    "--no-reuse", is_flag=True, help="Run every node again; reuse no earlier results."
)
@VERBOSE
@click.option(
    "--because", metavar="TEXT", help="Reason for the run; stored in result.json."
)
def run(asked: Asked, no_reuse: bool, verbose: bool, because: str | None) -> int:
    """Runs the pipeline; returns one of the documented codes."""
    workspace = asked.workspace
    workspace.check()
    with workspace.locked():
        config, dataset = find_data(asked.config)
        code = execute(
            config,
            dataset,
            workspace,
            reuse=not no_reuse,
            verbose=verbose,
            because=because,
        )
    return code.value


def main() -> Never:
    """Runs the command line; ends the process with one of the documented codes."""
    command.run(cli, "local_runner.py")


def find_data(config: Config, observe: Observer = ignore) -> tuple[Config, DataSet]:
    """Finds, fetches and checks the data, before anything heavy is imported.

    Returns:
        The configuration, with the default bounds that fit the data, and the data set.
    """
    # Standard output may have to be pure JSON.
    bar = DownloadBar(Console(stderr=True, highlight=False))
    path = config.data.path
    try:
        # A hundred thousand photographs take an hour.
        with told(f"reading all images in {path}") if path else nullcontext():
            dataset = resolve(
                config.data,
                cache_folder(),
                lambda folder: mirrors.download(folder, bar),
                observe,
            )
    finally:
        bar.stop()
    if dataset.is_digits:
        config = config.with_gate_defaults(**DIGITS_BOUNDS)
    return config, dataset
