"""`python -m lineage`."""

from contract.start import start

if __name__ == "__main__":
    start("lineage.cli")
