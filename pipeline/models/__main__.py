"""`python -m pipeline.models`: the former name of `python -m version_store`."""

import runpy
import sys

if __name__ == "__main__":
    print("note: this is called `python -m version_store` now", file=sys.stderr)
    runpy.run_module("version_store", run_name="__main__", alter_sys=True)
