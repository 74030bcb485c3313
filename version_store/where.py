"""The options that name the models, their records and servers, as one object."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from contract.options import AS_JSON, Command, ModelOption
from serving.client.channel import DEFAULT_ADDRESS, Tls
from version_store.servers import Servers

_STORE = "metadata.sqlite"
_GROUPS = {"servers": ("server", "tls", "tls_ca")}

_OPTIONS: dict[str, Callable[[Command], Command]] = {
    "output": click.option(
        "--output",
        default="output",
        show_default=True,
        help="Folder of the runs, with models/ and metadata.sqlite.",
    ),
    "models": click.option("--models", help="Folder of the models. [OUTPUT/models]"),
    "name": click.option(
        "--model", "name", cls=ModelOption, help="Name of the model. [the only model]"
    ),
    "metadata": click.option(
        "--metadata",
        metavar="PATH|URL",
        help="ML Metadata store: a sqlite file, or mysql://user:password@host:port/"
        "database (the password may be in METADATA_PASSWORD). [metadata.sqlite beside "
        "the models' folder]",
    ),
    "config": click.option(
        "--config",
        metavar="FILE",
        help="The server's --model_config_file, which names the served versions. "
        "[models.config beside the models; without that file, the highest version is "
        "the served one]",
    ),
    "server": click.option(
        "--server",
        envvar="SERVING_ADDRESS",
        default=DEFAULT_ADDRESS,
        show_default=True,
        show_envvar=True,
        metavar="HOST:PORT",
        help="gRPC address of the servers, to ask whether they have loaded a version. "
        "If the name has several addresses, each is asked.",
    ),
    "tls": click.option("--tls", is_flag=True, help="Use TLS to ask the servers."),
    "tls_ca": click.option(
        "--tls-ca",
        type=click.Path(dir_okay=False, path_type=Path),
        help="PEM file with certificates to trust; implies --tls.",
    ),
    "as_json": AS_JSON,
}


@dataclass(frozen=True)
class Where:
    """The values of the options; an option that a command lacks has its default."""

    output: str
    given_models: str | None
    name: str | None
    given_metadata: str | None
    config: str | None
    servers: Servers
    as_json: bool

    @property
    def models(self) -> str:
        """The folder with the versions of every model name."""
        return self.given_models or os.path.join(self.output, "models")

    @property
    def metadata(self) -> str | None:
        """Location of the store; None if none is named, and none is beside the models.

        A run writes its metadata store beside the models' folder.
        """
        beside = os.path.join(os.path.dirname(os.path.abspath(self.models)), _STORE)
        if self.given_metadata or not os.path.lexists(beside):
            return self.given_metadata
        return beside


def where(*more: str) -> Callable[[Command], Command]:
    """Adds the options to a command, which gets them as a `Where`, its first argument.

    The options `name`, `metadata`, `config` and `servers` are added only if named.
    """
    names = [each for name in more for each in _GROUPS.get(name, (name,))]

    def give(command: Command) -> Command:
        @functools.wraps(command)
        def wrapper(
            output: str,
            models: str | None,
            as_json: bool,
            name: str | None = None,
            metadata: str | None = None,
            config: str | None = None,
            server: str = DEFAULT_ADDRESS,
            tls: bool = False,
            tls_ca: Path | None = None,
            **rest: Any,
        ) -> Any:
            secure = Tls(ca=tls_ca) if tls or tls_ca else None
            servers = Servers(server, secure)
            here = Where(output, models, name, metadata, config, servers, as_json)
            return command(here, **rest)

        given: Command = wrapper
        for option in reversed((*names, "output", "models", "as_json")):
            given = _OPTIONS[option](given)
        return given

    return give
