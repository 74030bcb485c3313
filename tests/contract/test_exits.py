"""All exit codes are documented."""

import re

import pytest
from click.testing import CliRunner

from contract.exits import Exit
from runner.cli import cli


def test_the_codes_are_those_that_shells_and_people_expect() -> None:
    assert {code.name: code.value for code in Exit} == {
        "PUSHED": 0,
        "BROKEN": 1,
        "BAD_INPUT": 2,
        "REFUSED": 3,
        # 128 and the number of the signal, as in a shell.
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


@pytest.mark.parametrize("code", Exit)
def test_help_documents_each_code(code: Exit) -> None:
    text = " ".join(CliRunner().invoke(cli, ["--help"]).output.split())
    documented = text[text.index("Exit codes:") : text.index("With every code")]
    assert re.search(rf"\b{code.value} \w+", documented)


@pytest.mark.parametrize("code", Exit)
def test_each_code_has_a_meaning_in_words(code: Exit) -> None:
    assert re.fullmatch(r"[a-z][\w ,;]+", code.meaning)
