"""`python -m version_store`."""

from contract.start import start

if __name__ == "__main__":
    start("version_store.cli")
