"""`python -m pipeline.schema infer --data PATH`: writes a first schema for new data."""

import os
import sys

import click

from contract.command import run
from contract.errors import BadInputError
from contract.options import CONFIG, any_setting
from pipeline.config import Config, load_config
from pipeline.schema.infer import Levels, infer


@click.group()
def main() -> None:
    """Write schemas for your own data."""


@main.command("infer")
@click.option(
    "--data", required=True, metavar="PATH", help="File or folder with labelled images."
)
@CONFIG
@any_setting(
    "Change any setting of [data], such as data.resize=64x64; may be repeated."
)
@click.option("--out", metavar="FILE", help="File to write. [standard output]")
def infer_command(
    data: str, config_path: str | None, settings: tuple[str, ...], out: str | None
) -> None:
    """Write a first schema for the data, with the reason for each bound.

    Without --out, the schema is printed. An existing file is not overwritten.
    """
    config = load_config(config_path, [*settings, ("data.path", data)])
    text = _inferred(config, data)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        with open(out, "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise BadInputError(
            f"--out: {out}: is there already: expected a new file, as that one may "
            "have been edited"
        ) from None
    except OSError as error:
        raise BadInputError(
            f"--out: {out}: cannot be written: {error.strerror}"
        ) from error
    click.echo(
        f"{out}: read its comments, edit its bounds, and name it with --schema",
        file=sys.stderr,
    )


def _inferred(config: Config, data: str) -> str:
    from components.image_example_gen.source import open_source
    from components.image_example_gen.understanding import name_of, understand

    hints = config.data.hints(config.data.name or name_of(data))
    source, levels = open_source(data, hints), Levels()
    task = understand(source, hints, source.fingerprint(levels))
    _, counts = source.split(config.data.splitting())
    return infer(task, counts, levels, os.path.basename(os.path.abspath(data)))


if __name__ == "__main__":
    run(main, "python -m pipeline.schema")
