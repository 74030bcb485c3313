"""`python local_runner.py why`: takes the flags of a run and explains its plan."""

import os
from dataclasses import asdict

import click
from rich.text import Text

from contract import environment, logs
from contract.command import console, print_json
from contract.options import AS_JSON
from runner import cli
from runner.flags import Asked, configuring
from version_store.render import plain_table


@click.command()
@configuring
@click.option(
    "--no-reuse", is_flag=True, help="Assume that no earlier results are reused."
)
@AS_JSON
def why(asked: Asked, no_reuse: bool, as_json: bool) -> None:
    """Tell which nodes the next run would execute, and why.

    Executes nothing. Compares with the last run of the same model, and names the input,
    the parameter or the code that has changed for each node. The answer may change if
    another run is in progress.
    """
    asked.workspace.check()
    config, dataset = cli.find_data(asked.config)
    environment.prepare()
    with logs.captured(os.devnull, verbose=False), environment.heavy_imports():
        from runner.why import plan
    with logs.captured(os.devnull, verbose=False):
        plans = plan(config, dataset, asked.workspace, reuse=not no_reuse)
    if as_json:
        print_json([asdict(one) for one in plans])
        return
    here = console()
    table = plain_table(here, "node", "next run", "because")
    for one in plans:
        verdict = Text("executes", "yellow") if one.executes else Text("reused", "cyan")
        table.add_row(one.node, verdict, Text("\n".join(one.reasons)))
    here.print(table)
