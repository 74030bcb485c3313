"""What the client's tests share."""

from collections.abc import Iterator

import pytest

from tests.serving.client.fake_server import FakeServer, serve


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A running fake server."""
    fake = FakeServer()
    server = serve(fake)
    yield fake
    server.stop(None)
