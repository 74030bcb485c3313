"""``python -m benchmarks.pipeline``."""

from benchmarks.pipeline.cli import main

if __name__ == "__main__":
    main()
