"""Run the pipeline on this machine: `python local_runner.py --help`."""

from contract.start import start

if __name__ == "__main__":
    start("runner.cli")
