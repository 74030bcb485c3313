"""Limits the rate of warnings and errors in the log.

A client could fill the disk with lines that it causes again and again. So of the
warnings and errors from one place in the code, `_BURST` pass at once and then one every
`_SECONDS`; the next one that passes tells how many were left out. Clients also cause
the tracebacks of malformed HTTP, which are always left out.
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
        # By place: the rest of the burst, the time of this count, and lines left out.
        self._places: dict[tuple[str, int], tuple[float, float, int]] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tells whether a record is written."""
        # Records below a warning are about versions: no request causes them.
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
