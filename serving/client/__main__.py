"""``python -m serving.client``."""

from serving.client.cli import main

if __name__ == "__main__":
    main()
