"""Replaces `local_runner.py`: writes its `result.json` and exit codes at once.

The content of a span's file decides the end of a run that tries it: `refused`, `slow`,
`dies`, or anything else for success.
"""

import json
import os
import re
import sys
import time
from pathlib import Path


def main() -> None:
    """Runs."""
    if sys.argv[1] == "monitor":
        output = Path(sys.argv[sys.argv.index("--output") + 1])
        with (output / "ran.txt").open("a") as ran:
            ran.write(f"monitor{' since' * ('--since' in sys.argv)}\n")
        return
    flags = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=False))
    output = Path(flags["--output"])
    window = json.loads(re.sub("data.spans=", "", flags["--set"]))
    contents = {
        name: Path(flags["--data"].format(SPAN=name)).read_text() for name in window
    }
    folder = output / "runs" / f"run-{time.time_ns()}"
    folder.mkdir(parents=True)
    with (output / "ran.txt").open("a") as ran:
        ran.write(" ".join(window) + "\n")
    if "broken" in contents.values():
        print("error: in/7: cannot be read")
        sys.exit(2)
    if "dies" in contents.values():
        os.kill(os.getpid(), 9)
    if "slow" in contents.values():
        time.sleep(2)
    code = 3 if "refused" in contents.values() else 0
    result = {
        "run": folder.name,
        "because": flags["--because"],
        "exit_code": code,
        "reasons": ["Evaluator: too low"] if code else [],
    }
    (folder / "result.json").write_text(json.dumps(result))
    sys.exit(code)


if __name__ == "__main__":
    main()
