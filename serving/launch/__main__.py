"""``python -m serving.launch``."""

from serving import outside

if __name__ == "__main__":
    try:
        from serving.launch.cli import main
    except ImportError as error:
        outside.explain("python -m serving.launch", error)
    main()
