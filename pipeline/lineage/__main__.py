"""`python -m pipeline.lineage`."""

from pipeline.lineage.cli import main

if __name__ == "__main__":
    main()
