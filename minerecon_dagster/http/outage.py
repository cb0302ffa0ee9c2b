"""Whether a source is there at all, as the calls that ask it at one time see it."""

from __future__ import annotations

import threading
import time

OUTAGE_AFTER_CALLS = 8
"""So many calls in a row that failed for good, with no answer in between, are an outage: the rest is not asked."""
OUTAGE_AFTER_S = 40.0
"""A call that has tried for so long, while no other had an answer either, shows an outage as well."""


class Watch:
    """Sees an outage by calls that fail in a row, and by one that tries for long.

    `outage` says why the source is taken to be down; empty while it is not.

    Args:
        sees_outages: False where each call shall be tried as often as it may be, whatever became of the others.
    """

    def __init__(self, *, sees_outages: bool) -> None:
        self.outage = ""
        self._sees_outages = sees_outages
        self._lock = threading.Lock()
        self._failed_in_a_row = 0
        self._alive_at = float("-inf")

    def is_alive(self) -> None:
        """The source answers, if only to ask for patience."""
        self._alive_at = time.monotonic()

    def answered(self) -> None:
        """A call had an answer."""
        self.is_alive()
        with self._lock:
            self._failed_in_a_row = 0
            self.outage = ""

    def failed(self) -> None:
        """A call failed for good."""
        with self._lock:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= OUTAGE_AFTER_CALLS:
                self._is_down(f"{OUTAGE_AFTER_CALLS} calls in a row had failed")

    def is_exhausted(self, why: str) -> None:
        """The source has answered that it will not for long."""
        with self._lock:
            self._is_down(why)

    def goes_on(self, began: float, spent_s: float) -> None:
        """A call that began at ``began`` (monotonic) has tried and waited for ``spent_s``, and had no answer yet."""
        with self._lock:
            if spent_s >= OUTAGE_AFTER_S and self._alive_at < began:
                self._is_down(f"no call had an answer in {OUTAGE_AFTER_S:g} s")

    def _is_down(self, why: str) -> None:
        if self._sees_outages:
            self.outage = self.outage or why
