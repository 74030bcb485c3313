"""Entry point of `python -m serving.collector`."""

from contract.start import start

if __name__ == "__main__":
    start("serving.collector.cli")
