"""What docs/more-than-one-machine.md tells people to type, and what they then see."""

import re

from tests.k8s.rendering import ROOT

TEXT = (ROOT / "docs" / "more-than-one-machine.md").read_text()


def commands() -> list[str]:
    """The five commands for a cluster on this machine."""
    section = TEXT.partition("## A cluster on this machine\n")[2]
    block = re.search(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert block
    found = block[1].splitlines()
    assert len(found) == 5
    return found


def is_documented(start: str, screen: str) -> bool:
    """Whether a screen shows the sign that begins so in the page's table of failures.

    Dots stand for anything there, and lines may be broken anywhere here.
    """
    cells = re.findall(r"^\| `(.+?)` \|", TEXT, re.MULTILINE)
    [sign] = [cell for cell in cells if cell.startswith(start)]
    parts = ["".join(part.split()) for part in sign.split("...")]
    pattern = ".*".join(map(re.escape, parts))
    return re.search(pattern, "".join(screen.split())) is not None
