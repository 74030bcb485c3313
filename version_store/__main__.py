"""`python -m version_store`."""

from version_store.cli import main

if __name__ == "__main__":
    main()
