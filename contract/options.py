"""The options that several command lines share."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import click

Command = Callable[..., Any]


class ModelOption(click.Option):
    """The option `--model`. `--name` is taken too, but the help does not show it."""

    def __init__(self, declared: Sequence[str], **more: Any) -> None:
        """Adds the other spelling."""
        super().__init__([*declared, "--name"], **more)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Returns the option's row of the help."""
        shown = copy.copy(self)
        shown.opts = self.opts[:1]
        return click.Option.get_help_record(shown, ctx)


CONFIG = click.option(
    "--config", "config_path", metavar="FILE", help="TOML file with settings."
)

OUTPUT = click.option(
    "--output", default="output", show_default=True, help="Output folder."
)

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

VERBOSE = click.option(
    "--verbose", is_flag=True, help="Print the log on the screen, too."
)


def any_setting(text: str) -> Command:
    """Returns the option that takes any setting; `text` is its help."""
    return click.option(
        "--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE", help=text
    )
