"""`python local_runner.py watch`: takes the flags of a run and starts runs itself."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler

import click
from filelock import FileLock, Timeout
from rich.text import Text

from components.image_example_gen import spans
from components.image_example_gen.contents import natural
from components.image_example_gen.understanding import name_of
from contract import notifying
from contract.command import console, print_json
from contract.errors import BadInputError
from runner import watch as watching
from runner.flags import Asked, configuring
from runner.watch_state import State, StateFile
from runner.workspace import Workspace
from version_store.render import plain_table

LOG_FILE = "watch.log"
_LOG_BYTES, _LOG_FILES = 1 << 20, 3

_ARGUMENTS = "arguments"


class _Command(click.Command):
    """A command that keeps its arguments for the runs that it starts."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the arguments and keeps a copy of them."""
        ctx.meta[_ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)


@click.command(cls=_Command)
@configuring
@click.option("--list", "as_list", is_flag=True, help="Print the state of each span.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the state of each span as JSON."
)
@click.option(
    "--release",
    metavar="SPAN",
    help="Take a span out of quarantine, so that it is tried again.",
)
def watch(asked: Asked, as_list: bool, as_json: bool, release: str | None) -> None:
    """Start a run for each complete span of the data, until this command is stopped.

    Takes the flags of a run, with --data 'FOLDER/{SPAN}', and the settings [watch].
    Runs also start after findings in the traffic, and at the latest
    watch.at_latest_hours after the last run. After watch.tries failed runs, a span is
    put in quarantine. The state and the log are in OUTPUT/watch/NAME; the command may
    be killed at any time. Exit codes: 2 flags or settings cannot be used, 130
    interrupted (Ctrl-C), 143 terminated.
    """
    data = asked.config.data
    if data.path is None or not spans.is_pattern(data.path):
        raise BadInputError(
            "--data: expected spans to watch for, as 'incoming/{SPAN}', found "
            f"{data.path or 'none'}"
        )
    if data.spans:
        raise BadInputError(
            "data.spans: expected without `watch`, which chooses them itself"
        )
    name = data.name or name_of(data.path)
    file = StateFile(asked.workspace.watcher(name))
    if release:
        with file.changing() as state:
            state.release(release)
        click.echo(f"{name}: span {release} will be tried again")
    elif as_list or as_json:
        _show(file.read(), name, as_json)
    else:
        asked.workspace.check()
        if asked.config.watch.monitor_hours and not asked.config.monitoring.log:
            raise BadInputError(
                "watch.monitor_hours: expected together with monitoring.log, where the "
                "server logs requests"
            )
        _watch(asked, data.path, name, click.get_current_context())


def _watch(asked: Asked, pattern: str, name: str, context: click.Context) -> None:
    folder = asked.workspace.watcher(name)
    # These flags are passed on to `monitor`, which has them as well.
    given = context.params
    config = ["--config", given["config_path"]] if given["config_path"] else []
    settings = [part for text in given["settings"] for part in ("--set", text)]
    port = asked.config.watch.metrics_port
    with _alone(folder), _logged(folder), _measured(asked.workspace, port):
        watcher = watching.Watcher(
            *(asked.config, pattern, name, asked.workspace, folder),
            arguments=context.meta[_ARGUMENTS],
            monitoring=["--model", name, "--output", asked.output, *config, *settings],
        )
        watching.log.info("watching %s; state and log in %s", pattern, folder)
        watcher.watch()


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Ensures that no other process watches for the same model."""
    try:
        os.makedirs(folder, exist_ok=True)
        with FileLock(os.path.join(folder, ".lock"), timeout=0):
            yield
    except Timeout:
        raise BadInputError(
            f"{folder}: another process watches already: stop that one, or give the "
            "model another name with --model"
        ) from None


@contextmanager
def _logged(folder: str) -> Iterator[None]:
    """Writes the watcher's messages to the screen and to a log of limited size."""
    logs = (watching.log, notifying.log)
    path = os.path.join(folder, LOG_FILE)
    handlers: list[logging.Handler] = [
        logging.StreamHandler(sys.stdout),
        RotatingFileHandler(
            path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8"
        ),
    ]
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for log in logs:
        log.handlers = handlers
        log.setLevel(logging.INFO)
        log.propagate = False
    try:
        yield
    finally:
        for log in logs:
            log.handlers = []
            log.setLevel(logging.NOTSET)
            log.propagate = True
        for handler in handlers:
            handler.close()


@contextmanager
def _measured(workspace: Workspace, port: int | None) -> Iterator[None]:
    """Serves metrics to Prometheus on localhost if a port is given."""
    if port is None:
        yield
        return
    from prometheus_client import CollectorRegistry, start_http_server

    from runner.metrics import Runs

    registry = CollectorRegistry()
    registry.register(Runs(workspace))
    try:
        server, thread = start_http_server(port, "127.0.0.1", registry)
    except OSError as error:
        raise BadInputError(
            f"watch.metrics_port: {port}: cannot be listened on: {error.strerror}"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _show(state: State, name: str, as_json: bool) -> None:
    if as_json:
        print_json(state.model_dump(mode="json"))
        return
    here = console()
    table = plain_table(here, "span", "state", "tries", "last run", "reason")
    for span, record in sorted(state.spans.items(), key=lambda one: natural(one[0])):
        known = (span, record.state, str(record.tries), record.run, record.reason)
        table.add_row(*map(Text, known))
    here.print(table)
    job = state.job
    running = f"run {job.number}: {job.why}" if job else "no run goes on"
    here.print(Text(f"{name}: {state.jobs} runs started; {running}"))
