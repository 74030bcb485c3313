"""``python -m benchmarks.estimation``."""

from contract.start import start

if __name__ == "__main__":
    start("benchmarks.estimation.cli")
