"""`python -m serving.server`: run the server until SIGTERM or SIGINT."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import signal
import sys

from serving.server import flags


def main() -> int:
    """Run the server; return the process's exit code."""
    # Until it serves there is nothing to finish: no traceback of an import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    options = flags.parse()
    if options is None:
        for package in ("tensorflow-serving-api", "tensorflow", "grpcio"):
            print(f"{package}: {importlib.metadata.version(package)}")
        return 0
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname).1s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # TensorFlow's own greetings hide the lines that matter.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from serving.server import process

    return process.run(options)


if __name__ == "__main__":
    sys.exit(main())
