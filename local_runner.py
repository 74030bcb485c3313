"""Run the pipeline on this machine: `python local_runner.py --help`."""

from runner.cli import main

if __name__ == "__main__":
    main()
