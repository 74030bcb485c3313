"""`python kubeflow_runner.py`: commands, flags, exit codes."""

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Never

import click

from contract import command, environment, logs
from contract.errors import BadInputError, Terminated
from contract.exits import Exit
from runner.kubeflow import flags, places, schedules, versions
from runner.kubeflow.client import Client, Options
from runner.kubeflow.connection import Connection, connection
from runner.kubeflow.package import Package, arguments, check_name, planned, read
from runner.kubeflow.parameters import DATA
from serving.launch.code import typed_script

_HELP = """
Run the pipeline on Kubeflow Pipelines (open source, 2.x).

Exit codes: 0 done, and with --wait: the model is served; 1 the run failed or
took longer than --timeout; 2 flags, files, connection or token cannot be used,
and nothing was started; 3 with --wait: a gate refused the model; 130 interrupted
(Ctrl-C) or 143 terminated: a run that was started continues.
"""


@click.group(help=_HELP)
def cli() -> None:
    """Groups the commands."""


@cli.command("compile")
@flags.compiling
@flags.pipeline_root
@click.option(
    "--output", metavar="FILE", help="File to write; ends in .yaml. [<name>.yaml]"
)
def compile_command(output: str | None, **given: Any) -> None:
    """Compile the pipeline to a file for Kubeflow Pipelines."""
    recipe = flags.recipe(**given)
    path = output or f"{recipe.name}.yaml"
    check_name(path)
    flags.write(_compiled(recipe), path)
    package = read(path)
    root = recipe.deployment.pipeline_root
    _note(places.check_reach(recipe.data, root, has_secret=package.has_secret))
    click.echo(
        f"{package.path}: pipeline {package.name}, {len(package.nodes)} nodes, "
        f"data {recipe.data}, image {recipe.deployment.image}"
    )
    click.echo(
        f"next: {typed_script('kubeflow_runner.py')} submit --package "
        f"{shlex.quote(path)} --wait"
    )


@cli.command("compile-monitor")
@flags.monitored
@flags.pipeline_root
@click.option(
    "--output",
    metavar="FILE",
    help="File to write; ends in .yaml. [<name>-monitor.yaml]",
)
def compile_monitor(name: str, log: str, output: str | None, **given: Any) -> None:
    """Write the pipeline that monitors traffic, for `submit` and `schedule`."""
    path = output or f"{name}-monitor.yaml"
    check_name(path)
    recipe = flags.monitoring(name, log, **given)
    environment.prepare()
    with environment.heavy_imports(), logs.silenced():
        from runner.kubeflow.specification import compile_monitoring

        text = compile_monitoring(recipe.config, recipe.deployment, name, log)
    flags.write(text, path)
    click.echo(f"{path}: pipeline {read(path).name}, requests in {log}")
    click.echo(
        f"next: {typed_script('kubeflow_runner.py')} schedule --package "
        f"{shlex.quote(path)} --every 1d --no-cache"
    )


@cli.command()
@flags.package_file
@flags.compiling
@flags.connecting
@flags.starting
@click.option("--run-name", help="Name of the run. [<pipeline>-<date>-<time>]")
@click.option(
    "--wait",
    is_flag=True,
    help="Show progress until the run ends; exit with its result.",
)
@click.option(
    "--timeout",
    metavar="DURATION",
    help="Longest time for --wait, such as 90m or 2h. [no limit]",
)
def submit(wait: bool, timeout: str | None, **given: Any) -> None:
    """Start a run; with --wait, follow it until the gates have decided."""
    if timeout and not wait:
        raise BadInputError("--timeout: expected together with --wait")
    most = schedules.seconds(timeout, "--timeout") if timeout else None
    run_name = given.pop("run_name")
    with _prepared(given) as (client, package, options):
        name = run_name or f"{package.name}-{datetime.now():%Y%m%d-%H%M%S}"
        run_id = client.submit(package, name, options)
        page = client.run_page(run_id)
        click.echo(f"{package.name}: started run {run_id}\n  {page}")
        if wait:
            try:
                sys.exit(_wait(client, package, run_id, most).value)
            except (KeyboardInterrupt, Terminated) as error:
                code, word = command.explain(error)
                click.echo(f"{word}: the run goes on: {page}", err=True)
                sys.exit(code.value)
            except BadInputError as error:
                raise BadInputError(f"{error}; the run goes on: {page}") from error


@cli.command()
@flags.package_file
@flags.compiling
@flags.connecting
@flags.starting
@click.option(
    "--cron",
    help="Times of the runs, such as '0 3 * * *', in the time zone of KFP's server "
    "(usually UTC).",
)
@click.option(
    "--every", metavar="DURATION", help="Time between runs, such as 3600, 6h or 1d."
)
@click.option("--job-name", help="Name of the schedule. [<pipeline>]")
@click.option(
    "--max-concurrency",
    type=click.IntRange(1, 10),
    default=1,
    show_default=True,
    help="Most runs of the schedule at the same time.",
)
@click.option("--catch-up", is_flag=True, help="Also start the runs that were missed.")
@click.option(
    "--replace", is_flag=True, help="Replace the existing schedule of this name."
)
def schedule(job_name: str | None, replace: bool, catch_up: bool, **given: Any) -> None:
    """Start runs regularly: at given times or at a fixed interval."""
    trigger = {
        **_trigger(given.pop("cron"), given.pop("every")),
        "max_concurrency": given.pop("max_concurrency"),
        "no_catchup": not catch_up,
    }
    with _prepared(given) as (client, package, options):
        name = job_name or package.name
        before = client.schedules(name, options.experiment)
        if before and not replace:
            raise BadInputError(
                f"--job-name: {name}: experiment {options.experiment} has a "
                f"schedule of that name ({before[0]}): give another, or --replace"
            )
        made = client.schedule(package, name, options, trigger)
        for old in before:
            client.unschedule(old)
        when = trigger.get("cron_expression") or (
            f"every {trigger['interval_second']} s"
        )
        click.echo(f"{name}: scheduled, {when}: {made}")
        click.echo(f"  {client.schedule_page(made)}")
        if before:
            click.echo(f"  instead of {', '.join(before)}")


@cli.command()
@flags.package_file
@flags.compiling
@flags.connecting
@flags.pipeline_root
@click.option(
    "--version", help="Name of the version. [<pipeline>-<digest of the package>]"
)
def upload(version: str | None, **given: Any) -> None:
    """Upload the pipeline, or a new version of it, to the cluster for all users."""
    if given["pipeline_root"]:
        raise BadInputError(
            "--pipeline-root: expected with `submit` or `schedule`: KFP takes it "
            "with a run, and not with what is uploaded"
        )
    with _connected(given) as (client, package):
        if package.pipeline_root:
            _note(
                f"note: KFP does not read the pipeline root of the package "
                f"({package.pipeline_root}): name it with each run, by `submit` or "
                "in the form of the user interface"
            )
        name = version or f"{package.name}-{package.digest[:12]}"
        pipeline_id, version_id, is_new = client.upload(package, name)
        done = "uploaded" if is_new else "is there already"
        click.echo(f"{package.name}: version {name} {done}")
        click.echo(f"  pipeline {pipeline_id}\n  version  {version_id}")
        click.echo(f"  {client.version_page(pipeline_id, version_id)}")


def _compiled(recipe: flags.Recipe) -> str:
    """Returns the compiled pipeline; imports TensorFlow and TFX for that."""
    environment.prepare()
    with environment.heavy_imports(), logs.silenced():
        from runner.kubeflow.specification import compile_pipeline

        return compile_pipeline(
            recipe.config,
            recipe.deployment,
            recipe.name,
            recipe.data,
            recipe.fingerprint,
        )


_CONNECTING = ("host", "token", "token_file", "ca_cert", "namespace")


@contextmanager
def _connected(
    given: dict[str, Any],
    check: Callable[[Package], None] = lambda package: None,
) -> Iterator[tuple[Client, Package]]:
    """Yields the client, and the package that the flags name or describe.

    Cheap checks come first: the flags, then the file, then the connection, and the
    compiler last.
    """
    target: Connection = connection(**{key: given.pop(key) for key in _CONNECTING})
    package_path = given.pop("package_path")
    root = given.pop("pipeline_root")
    flags.check_root(root)
    flags.alone(package_path, given)
    if package_path:
        package = read(package_path)
        check(package)
        yield Client(target), package
        return
    recipe = flags.recipe(**given, pipeline_root=root)
    check(planned(recipe))
    client = Client(target)
    click.echo(f"{recipe.name}: compiling")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{recipe.name}.yaml")
        flags.write(_compiled(recipe), path)
        package = read(path)
        check(package)
        yield client, package


@contextmanager
def _prepared(given: dict[str, Any]) -> Iterator[tuple[Client, Package, Options]]:
    """Yields the same as `_connected`, and the options of a run."""
    parameters = given.pop("parameters")
    options = Options(
        experiment=given.pop("experiment"),
        pipeline_root=given["pipeline_root"] or "",
        service_account=given.pop("service_account") or "",
        cache=not given.pop("no_cache"),
    )

    def check(package: Package) -> None:
        options.arguments.update(arguments(package, parameters))
        root = options.pipeline_root or package.pipeline_root
        data = _data(package, options)
        places.check_reach(data, root, has_secret=package.has_secret)

    with _connected(given, check) as (client, package):
        # KFP reads the root only from the request that starts a run.
        root = options.pipeline_root or package.pipeline_root
        data = _data(package, options)
        if package.has_secret and not places.same_bucket(data, root):
            versions.check_store(client.connection.host, client.version, data)
        _note(places.check_reach(data, root, has_secret=package.has_secret))
        yield client, package, replace(options, pipeline_root=root)


def _note(text: str) -> None:
    if text:
        click.echo(text, err=True)


def _data(package: Package, options: Options) -> str:
    """Returns the place of a run's data; empty for a package of another project."""
    given = options.arguments.get(DATA, package.parameters.get(DATA, ("", ""))[1])
    return str(given or "") if package.ours else ""


def _wait(client: Client, package: Package, run_id: str, most: float | None) -> Exit:
    """Shows a run until it ends; returns its exit code."""
    from runner.kubeflow.logs import pod_log
    from runner.kubeflow.progress import ProgressScreen
    from runner.kubeflow.verdict import conclude

    screen = ProgressScreen(sys.stdout)
    with screen.live():
        progress = client.wait(
            run_id, package.nodes, most, screen.on_progress, screen.on_away
        )
    ending = conclude(
        progress,
        client.connection.namespace,
        run_id,
        lambda pod: pod_log(client.connection, run_id, pod),
    )
    screen.show(package.name, ending, client.run_page(run_id))
    return ending.code


def _trigger(cron: str | None, every: str | None) -> dict[str, Any]:
    """Returns the times of runs as arguments of kfp's `create_recurring_run`."""
    if (cron is None) == (every is None):
        found = "neither" if cron is None else "both"
        raise BadInputError(f"--cron, --every: expected one of them, found {found}")
    return {
        "cron_expression": schedules.cron(cron) if cron is not None else None,
        "interval_second": (
            schedules.seconds(every, "--every") if every is not None else None
        ),
    }


def main() -> Never:
    """Runs the command line; ends the process with one of the documented codes."""
    command.run(cli, "kubeflow_runner.py")
