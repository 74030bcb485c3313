"""``python -m serving.launch``."""

from contract.start import start

if __name__ == "__main__":
    start("serving.launch.cli")
