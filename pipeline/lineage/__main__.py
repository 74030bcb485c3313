"""`python -m pipeline.lineage`: the former name of `python -m lineage`."""

import runpy
import sys

if __name__ == "__main__":
    print("note: this is called `python -m lineage` now", file=sys.stderr)
    runpy.run_module("lineage", run_name="__main__", alter_sys=True)
