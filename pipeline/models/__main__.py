"""`python -m pipeline.models`."""

from pipeline.models.cli import main

if __name__ == "__main__":
    main()
