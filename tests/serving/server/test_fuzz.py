"""Random malformed requests: each gets a status, and the server survives."""

from __future__ import annotations

import os
import time

from tests.serving.server.fuzzing import fuzz

REQUESTS = 2000


def test_every_request_gets_a_status() -> None:
    """The seed is printed; with `FUZZ_SEED` the same requests are sent again."""
    seed = int(os.environ.get("FUZZ_SEED", time.time_ns() % 10**9))
    print(f"FUZZ_SEED={seed}")
    client, _ = fuzz(REQUESTS, seed)
    assert client.wrong == []
    assert client.statuses["OK"] > REQUESTS / 50
    assert client.statuses["200"] > REQUESTS / 50
