"""Reads the commands and the table of failures of docs/more-than-one-machine.md."""

import re

from tests.k8s.rendering import ROOT

TEXT = (ROOT / "docs" / "more-than-one-machine.md").read_text()


def commands() -> list[str]:
    """Returns the five commands for a cluster on this machine."""
    section = TEXT.partition("## A cluster on this machine\n")[2]
    block = re.search(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert block
    found = block[1].splitlines()
    assert len(found) == 5
    return found


def is_documented(start: str, screen: str) -> bool:
    """Tells whether a screen shows the sign with this start in the page's table.

    Dots in the page stand for anything, and the screen may break lines anywhere.
    """
    cells = re.findall(r"^\| `(.+?)` \|", TEXT, re.MULTILINE)
    [sign] = [cell for cell in cells if cell.startswith(start)]
    parts = ["".join(part.split()) for part in sign.split("...")]
    pattern = ".*".join(map(re.escape, parts))
    return re.search(pattern, "".join(screen.split())) is not None
