"""Settings of the section `monitoring`: which requests are checked, and its bounds."""

from pydantic import Field

from pipeline.section import Section, Share


class Monitoring(Section):
    """Settings of `python local_runner.py monitor`: its requests and its bounds.

    Attributes:
        log: The `filename_prefix` of a server's `logging_config`, or a folder with
            logged requests; None if each call names it.
        hours: Number of the last hours whose requests are checked; None for all. A
            daily check needs 24.
        max_requests: Most requests of a version that are checked, approximately. 20,000
            predictions give an accuracy to 0.003; more of them would take more time and
            hardly improve it.
        max_novel_share: Largest share of pictures that are not of the task; 0.01 are
            false alarms.
        max_accuracy_fall: Most accuracy, estimated or true, that a version may have
            lost.
        pictures: Number of pictures of each version on the page: the most novel ones.
    """

    log: str | None = None
    hours: int | None = Field(None, ge=1)
    max_requests: int = Field(20_000, ge=100)
    max_novel_share: Share = 0.03
    max_accuracy_fall: Share = 0.05
    pictures: int = Field(24, ge=0, le=1000)
