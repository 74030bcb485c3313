"""Tests the options that several command lines share."""

import click

from contract.options import ModelOption


def test_a_model_has_one_option_with_two_spellings() -> None:
    @click.command()
    @click.option("--model", "name", cls=ModelOption, help="Name of the model.")
    def ask(name: str) -> str:
        return name

    for option in ("--model", "--name"):
        assert ask.main([option, "letters"], standalone_mode=False) == "letters"
    shown = ask.get_help(click.Context(ask))
    assert "  --model TEXT  Name of the model." in shown
    assert "--name" not in shown
