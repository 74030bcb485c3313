"""A bound on what the log may write.

What a client can bring about again and again, a client can fill a disk with. Of
warnings and errors from one place in the code, `_BURST` pass at once and then one every
`_SECONDS`; the next that passes says how many did not. Tracebacks of malformed HTTP are
the client's doing and are left out.
"""

import logging
import threading
import time

_BURST = 50
_SECONDS = 2.0


class LogBound(logging.Filter):
    """Filters a handler's records."""

    def __init__(self) -> None:
        super().__init__()
        # By place: what is left of the burst, when it was so, and lines left out.
        self._places: dict[tuple[str, int], tuple[float, float, int]] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is written."""
        # What is no warning is about versions: no request brings it about.
        if not logging.WARNING <= record.levelno < logging.CRITICAL:
            return True
        if record.name.startswith("aiohttp"):
            record.exc_info = record.exc_text = None
        place = record.pathname, record.lineno
        now = time.monotonic()
        with self._lock:
            left, since, missing = self._places.get(place, (_BURST, now, 0))
            left = min(float(_BURST), left + (now - since) / _SECONDS)
            passes = left >= 1
            self._places[place] = (
                (left - 1, now, 0) if passes else (left, now, missing + 1)
            )
        if passes and missing:
            record.msg = f"{record.msg} [{missing} lines like this were left out]"
        return passes
