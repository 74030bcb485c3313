"""Settings of the section `notify`: notifications about the end of a run."""

from typing import Annotated

from pydantic import Field

from contract.notifying import KINDS, Kind, Settings
from pipeline.section import Section


class Notify(Section):
    """Notifications about the end of a run; without an address none are sent.

    Apprise's addresses are secrets. They are in the environment variable APPRISE_URLS
    or in a file, and never in the configuration.

    Attributes:
        kinds: Kinds of events that are sent; all by default.
        urls_file: File with addresses, one a line.
        reports: HTTP address of the folder `OUTPUT`. Messages then have the report's
            address, otherwise its path.
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
        """Returns the settings of `contract.notifying`."""
        return Settings(self.kinds, self.urls_file, self.reports)
