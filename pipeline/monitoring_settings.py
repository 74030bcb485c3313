"""Settings of the pipeline that watches what is asked of a model."""

from pydantic import Field

from pipeline.section import Section, Share


class Monitoring(Section):
    """What is looked at, and what is a finding; `python local_runner.py monitor`.

    Attributes:
        log: The `filename_prefix` of a server's `logging_config`, or a folder with
            logged requests; None: named when it is asked for.
        hours: Only requests of so many hours before now are looked at; None: all. What
            runs again and again, each day, says 24.
        max_requests: About how many requests of a version are looked at, at most. From
            20,000 answers an accuracy is known to 0.003; more of them would take more
            time, and say little more.
        max_novel_share: Share of pictures that may be not of the task: 0.01 are by
            false alarm.
        max_accuracy_fall: How much accuracy, estimated or true, a version may have
            lost.
        pictures: How many of a version the page shows, those furthest from training.
    """

    log: str | None = None
    hours: int | None = Field(None, ge=1)
    max_requests: int = Field(20_000, ge=100)
    max_novel_share: Share = 0.03
    max_accuracy_fall: Share = 0.05
    pictures: int = Field(24, ge=0, le=1000)
