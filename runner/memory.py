"""Measures the peak memory of this process since the last reset.

Linux keeps the peak of the resident set, `VmHWM` in /proc/self/status, and sets
it back to the present size when 5 is written to /proc/self/clear_refs (proc(5)).
Other systems only give the peak of the whole process, which says nothing about a
component.
"""

_STATUS = "/proc/self/status"
_CLEAR_REFS = "/proc/self/clear_refs"
_RESET_PEAK = "5"


def reset_peak() -> bool:
    """Resets the peak; returns whether this system can do so."""
    try:
        with open(_CLEAR_REFS, "w") as stream:
            stream.write(_RESET_PEAK)
    except OSError:
        return False
    return True


def peak() -> int | None:
    """Returns the peak since the last reset, in bytes; None if not known."""
    try:
        with open(_STATUS) as stream:
            for line in stream:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
