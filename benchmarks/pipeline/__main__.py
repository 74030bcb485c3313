"""``python -m benchmarks.pipeline``."""

from contract.start import start

if __name__ == "__main__":
    start("benchmarks.pipeline.cli")
