"""Settings of the section `watch`: when runs start automatically."""

from pydantic import Field

from pipeline.section import Section


class Watch(Section):
    """When `local_runner.py watch` starts a run; see docs/retraining.md.

    Attributes:
        poll_seconds: Seconds between two looks at the data.
        settle_seconds: If `data.marker` names no file, a span is complete when the
            number, the sizes and the times of its files stay the same for this time.
        at_latest_hours: If no run was started for this time, one is started on the
            existing spans; None: never for this reason.
        monitor_hours: Hours between two checks of the traffic, if `monitoring.log`
            names its log; None: `local_runner.py monitor` is started by other means.
        tries: Number of tries with a span before it is set aside.
        retry_seconds: Seconds from the first try to the second; the time doubles before
            each further try.
        metrics_port: Port on this machine from which Prometheus may read the metrics;
            None: no port, and Prometheus may read OUTPUT/metrics.prom.
    """

    poll_seconds: float = Field(10, gt=0)
    settle_seconds: float = Field(60, ge=0)
    at_latest_hours: float | None = Field(None, gt=0)
    monitor_hours: float | None = Field(None, gt=0)
    tries: int = Field(3, ge=1)
    retry_seconds: float = Field(300, ge=0)
    metrics_port: int | None = Field(None, ge=1, le=65535)
