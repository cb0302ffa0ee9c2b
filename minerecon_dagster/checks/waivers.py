"""Known deviations that a person has accepted for a time.

A waived result has not passed: it is kept with its violators, shows as waived, blocks nothing, and counts
again on the day after the waiver expires.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from minerecon_dagster.checks.properties import NEED_CONTROL_TOTAL, PROPERTIES
from minerecon_dagster.core.checks import CONTROL_TOTAL_PRESENT, DIFFICULTY_KNOWN, PERIODS_FETCHED, Property, Result
from minerecon_dagster.decisions.reader import Decision

_log = logging.getLogger(__name__)

_WAIVABLE: Mapping[str, Property] = {
    p.full_name: p for p in PROPERTIES if p.scope == "day" and p not in (PERIODS_FETCHED, DIFFICULTY_KNOWN)
}
"""Of a day that was not fetched, or has no difficulty, nothing is stored: there is nothing to accept."""


class Waiver(Decision, frozen=True):
    """One accepted deviation.

    Args:
        check: the property, as in ``control_totals.boav_wind_volume``.
        first_day, last_day: the settlement days that it is of, both included.
        unit: the BM unit that deviates; None for whatever the check finds on those days.
        reason: why it is accepted.
        accepted_by: who has accepted it.
        expires: the last day, in London, on which it holds.
    """

    kind = "waiver"

    check: str
    first_day: dt.date
    last_day: dt.date
    reason: str
    accepted_by: str
    expires: dt.date
    unit: str | None = None

    @property
    def title(self) -> str:
        """What it is of."""
        return f"{self.check}, {self.first_day}"

    def problem(self) -> str | None:
        """A check that cannot be waived, or days in the wrong order."""
        if self.check not in _WAIVABLE:
            return (
                f"{self.check!r} is no check that can be waived: docs/operate/checks.md lists those of settlement days"
            )
        if self.last_day < self.first_day:
            return f"last_day {self.last_day} is before first_day"
        if self.unit is not None and self.check == CONTROL_TOTAL_PRESENT.full_name:
            return "a control total is of the whole day: leave unit out"
        return None

    def covers(self, checked: Property, day: dt.date) -> bool:
        """Whether it is of that property and day, expired or not."""
        return self.check == checked.full_name and self.first_day <= day <= self.last_day

    def __str__(self) -> str:
        """Why, and by whom."""
        of_unit = f"{self.unit}: " if self.unit else ""
        return f"{of_unit}{self.reason} (accepted by {self.accepted_by})"


@dataclass(frozen=True)
class Waivers:
    """All waivers of a file."""

    waivers: Sequence[Waiver] = ()

    def applied(self, day: dt.date, results: Iterable[Result], *, today: dt.date) -> list[Result]:
        """The results of a day, with what is accepted of them.

        Where a waiver names a unit, that unit's violators are taken out of the count; a result is waived once
        none is left, or by a waiver of the whole day. Without violators that are named, as where nothing
        could be looked at, only a waiver of the whole day covers it. The waiver of a missing control total covers
        what could not be looked at without it, and nothing that was found wrong all the same.

        Args:
            day: settlement date.
            results: evaluations of it.
            today: the day in London: a waiver that expired before it is ignored, which the log says.
        """
        return [r if r.passed else self._applied(day, r, today) for r in results]

    def of_control_total(self, day: dt.date, *, today: dt.date) -> Waiver | None:
        """The waiver by which a day is built without Elexon's control totals, as long as it holds."""
        in_force = [w for w in self.waivers if w.covers(CONTROL_TOTAL_PRESENT, day) and w.expires >= today]
        return max(in_force, key=lambda w: w.expires, default=None)

    def _applied(self, day: dt.date, result: Result, today: dt.date) -> Result:
        covering = [w for w in self.waivers if w.covers(result.checked, day)]
        for waiver in (w for w in covering if w.expires < today):
            _log.warning(
                "%s: the waiver of %s expired on %s and is ignored: %s",
                day, result.checked.full_name, waiver.expires, waiver,
            )  # fmt: skip
        in_force = [w for w in covering if w.expires >= today]
        whole = max((w for w in in_force if w.unit is None), key=lambda w: w.expires, default=None)
        if whole is not None:
            return result.waived(str(whole), whole.expires)
        accepted: dict[object, Waiver] = {w.unit: w for w in sorted(in_force, key=lambda w: w.expires)}
        if result.checked in NEED_CONTROL_TOTAL and (without := self.of_control_total(day, today=today)):
            unknown = (v["control_total"] for v in result.violations if "control_total" in v and "error" in v)
            accepted |= dict.fromkeys(unknown, without)
        by = [accepted.get(v.get("bmu_id", v.get("control_total"))) for v in result.violations]
        left = [v for v, waiver in zip(result.violations, by, strict=True) if waiver is None]
        used = list({id(w): w for w in by if w is not None}.values())
        count = result.violation_count - (len(result.violations) - len(left))
        if not used:
            return result
        if count == 0:
            return result.waived("; ".join(map(str, used)), min(w.expires for w in used))
        names = ", ".join(f"{w.unit or w.check} until {w.expires}" for w in used)
        actual = f"{result.actual}; {result.violation_count - count} waived ({names})"
        return replace(result, violation_count=count, violations=tuple(left), actual=actual)


NO_WAIVERS = Waivers()
