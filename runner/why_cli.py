"""`python -m lineage why`: the runner's options, and no run."""

import os
from dataclasses import asdict
from typing import Any

import click
from rich.text import Text

from contract.command import console, print_json
from pipeline.config import load_config
from runner import cli as runner_cli
from runner import environment, logs
from runner.datasets import DIGITS_BOUNDS
from runner.workspace import Workspace
from version_store.render import plain_table

_AS_JSON = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON.")
_NOT_HERE = ("verbose", "help")


@click.command(
    params=[
        *(option for option in runner_cli.main.params if option.name not in _NOT_HERE),
        _AS_JSON,
    ]
)
def why(
    config_path: str | None,
    settings: tuple[str, ...],
    output: str,
    no_reuse: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Tell which nodes the next run would execute, and why.

    Takes the options of local_runner.py, and runs nothing: against the last run
    of the same model, it names the input, the parameter or the code that makes a
    node execute. What is reused today may change while a run goes on.
    """
    config = load_config(config_path, [*settings, *runner_cli.as_settings(flags)])
    dataset = runner_cli.find_data(config)
    if dataset.is_digits:
        config = config.with_gate_defaults(**DIGITS_BOUNDS)
    environment.prepare()
    with logs.captured(os.devnull, verbose=False), environment.heavy_imports():
        from runner.why import plan
    workspace = Workspace(os.path.abspath(output))
    with logs.captured(os.devnull, verbose=False):
        plans = plan(config, dataset, workspace, reuse=not no_reuse)
    if as_json:
        print_json([asdict(one) for one in plans])
        return
    here = console()
    table = plain_table(here, "node", "next run", "because")
    for one in plans:
        verdict = Text("executes", "yellow") if one.executes else Text("reused", "cyan")
        table.add_row(one.node, verdict, Text("\n".join(one.reasons)))
    here.print(table)
