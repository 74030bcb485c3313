"""The `notify` section of the configuration."""

from typing import Annotated

from pydantic import Field

from contract.notifying import KINDS, Kind, Settings
from pipeline.section import Section


class Notify(Section):
    """Who is told how a run ended; nobody without an address.

    Addresses are Apprise's, and secrets: they stand in the environment variable
    APPRISE_URLS or in a file, never here.

    Attributes:
        kinds: What people are told of; all by default.
        urls_file: A file with addresses, one a line.
        reports: Where the folder `OUTPUT` is to be had by HTTP; a message then
            has the report's address, and else its path.
    """

    kinds: tuple[Kind, ...] = Field(KINDS, strict=False)
    urls_file: str = ""
    reports: Annotated[
        str,
        Field(
            pattern=r"^(https?://\S+)?$",
            description="an address, as https://reports.example",
        ),
    ] = ""

    def settings(self) -> Settings:
        """Returns what sends."""
        return Settings(self.kinds, self.urls_file, self.reports)
