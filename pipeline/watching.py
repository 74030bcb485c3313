"""When runs start themselves: the settings `[watch]`."""

from pydantic import Field

from pipeline.section import Section


class Watch(Section):
    """When `local_runner.py watch` starts a run; see docs/after-the-push.md.

    Attributes:
        poll_seconds: How often it looks.
        settle_seconds: Where `data.marker` names no file: a span is complete when the
            number, the sizes and the times of its files stay the same for so long.
        at_latest_hours: A run is started when none was for so long, on the spans that
            there are; None: never for that reason.
        monitor_hours: How often the traffic is looked at, where `monitoring.log` says
            where it is logged; None: `local_runner.py monitor` is run by others.
        tries: How often a span is tried before it is set aside.
        retry_seconds: How long after the first try comes the second; twice as long
            passes before each further one.
        metrics_port: Where Prometheus may ask, on this machine; None: nowhere, and
            there is OUTPUT/metrics.prom.
    """

    poll_seconds: float = Field(10, gt=0)
    settle_seconds: float = Field(60, ge=0)
    at_latest_hours: float | None = Field(None, gt=0)
    monitor_hours: float | None = Field(None, gt=0)
    tries: int = Field(3, ge=1)
    retry_seconds: float = Field(300, ge=0)
    metrics_port: int | None = Field(None, ge=1, le=65535)
