"""Why a criterion could not be computed: not an error, but a line of the report with the remedy."""

from __future__ import annotations


class NotComputed(Exception):
    """A criterion lacks an input. The other criteria are computed all the same."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason = reason
        self.remedy = remedy
