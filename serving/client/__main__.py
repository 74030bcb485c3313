"""``python -m serving.client``."""

from contract.start import start

if __name__ == "__main__":
    start("serving.client.cli")
