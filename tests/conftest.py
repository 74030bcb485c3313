"""Settings that every test process needs before TensorFlow is imported."""

import signal

import pytest

from contract import environment

environment.prepare()

# A background job of a shell ignores Ctrl-C, and so do its children; processes of the
# tests must be interruptible everywhere.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts the longest tests first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: item.path.parent.name not in ("docs", "local_runner"))
