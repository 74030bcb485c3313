"""``python -m serving.client``."""

from serving import outside

if __name__ == "__main__":
    try:
        from serving.client.cli import main
    except ImportError as error:
        outside.explain("python -m serving.client", error)
    main()
