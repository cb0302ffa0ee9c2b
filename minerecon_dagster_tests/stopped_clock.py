"""A clock that stands still."""

from __future__ import annotations

import datetime as dt

from minerecon_dagster.defs.resources import ClockResource


class StoppedClock(ClockResource):
    """In the place of the project's clock: always ``stopped_at`` (ISO 8601, with an offset); None: the real time."""

    stopped_at: str | None = None

    def now(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.stopped_at) if self.stopped_at else super().now()
