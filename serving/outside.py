"""What a command line says where the libraries that it needs are not there."""

import sys
from typing import NoReturn


def explain(program: str, error: ImportError) -> NoReturn:
    """Ends the process with a line that says how it is run; exit code 2."""
    print(
        f"{program}: {error}, with {sys.executable}: run it by the environment's "
        "Python, .venv/bin/python (`make setup` makes that)",
        file=sys.stderr,
    )
    sys.exit(2)
