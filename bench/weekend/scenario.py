"""What happens in the weekend, and when: the source, the price source and people's hands.

Times are London's. The days are real ones: Saturday 2025-03-29, and the short Sunday on which the clocks go forward.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from bench.weekend.clock import LONDON

FRIDAY, SATURDAY, SUNDAY, MONDAY = "2025-03-28", "2025-03-29", "2025-03-30", "2025-03-31"


def at(day: str, time: str) -> dt.datetime:
    """An instant of London's."""
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time.fromisoformat(time), LONDON)


Span = tuple[dt.datetime, dt.datetime]
_START, _UNTIL = at(SATURDAY, "12:00"), at(MONDAY, "12:30")
_LATE = (at(SATURDAY, "18:00"), at(SATURDAY, "19:40"))
_OUTAGE = (at(SUNDAY, "12:00"), at(SUNDAY, "16:00"))
_TYPED, _TYPED_AGAIN = at(SUNDAY, "18:10"), at(MONDAY, "03:27")
_PRICE_OUTAGE, _PRICES_ASKED = (at(SUNDAY, "20:00"), at(MONDAY, "10:00")), at(MONDAY, "10:15")


@dataclass(frozen=True)
class Plan:
    """When things happen; what lies after ``until`` does not.

    Args:
        start: when the daemon starts to live.
        until: when it is judged.
        history_from: the first day of the warehouse; the days before Saturday are fetched before the start.
        late: two neighbouring periods of Saturday come late.
        late_periods: those.
        outage: stack, BOAV and EBOCF answer without rows.
        price_outage: the price source is down; it ends before a person asks for the prices again.
        prices_asked: when that is.
        typed: a total of the running month is overtyped, and ``verify`` looks at it.
        typed_before_sweep: again, just before the nightly sweep.
    """

    start: dt.datetime = _START
    until: dt.datetime = _UNTIL
    history_from: str = "2025-03-01"
    late: Span = _LATE
    late_periods: tuple[int, ...] = (36, 37)
    outage: Span = _OUTAGE
    price_outage: Span = _PRICE_OUTAGE
    prices_asked: dt.datetime = _PRICES_ASKED
    typed: dt.datetime = _TYPED
    typed_before_sweep: dt.datetime = _TYPED_AGAIN

    @property
    def status_asked(self) -> dt.datetime:
        """When a person asks how Sunday stands, in the middle of the outage."""
        return self.outage[0] + dt.timedelta(minutes=65)

    @property
    def month(self) -> str:
        """The running month."""
        return SATURDAY[:7]
