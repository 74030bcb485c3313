"""``python -m serving.request_logs``."""

from contract.start import start

if __name__ == "__main__":
    start("serving.request_logs.cli")
