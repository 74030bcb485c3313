"""``python -m serving.launch``."""

from serving.launch.cli import main

if __name__ == "__main__":
    main()
