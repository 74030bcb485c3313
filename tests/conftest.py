"""What every test process needs before anything imports TensorFlow."""

import signal

import pytest

from contract import environment

environment.prepare()

# A background job of a shell ignores Ctrl-C, and hands that on to its children;
# what the tests start is to be interrupted wherever they run.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts the longest tests first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: item.path.parent.name != "local_runner")
