"""``python -m benchmarks.serving``."""

from contract.start import start

if __name__ == "__main__":
    start("benchmarks.serving.cli")
