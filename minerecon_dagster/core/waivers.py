"""Known deviations that a person has accepted for a time, from a reviewed file.

A waived result has not passed: it is kept with its violators, shows as waived, blocks nothing, and counts
again on the day after the waiver expires. The file is read whole or not at all.
"""

from __future__ import annotations

import datetime as dt
import logging
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from minerecon_dagster.core.checks import DIFFICULTY_KNOWN, PERIODS_FETCHED, PROPERTIES, Property, Result
from minerecon_dagster.core.errors import ConfigurationError

_log = logging.getLogger(__name__)

_WAIVABLE: Mapping[str, Property] = {
    p.full_name: p for p in PROPERTIES if p.scope == "day" and p not in (PERIODS_FETCHED, DIFFICULTY_KNOWN)
}
"""Of a day that was not fetched, or has no difficulty, nothing is stored: there is nothing to accept."""


class Waiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One accepted deviation.

    Args:
        check: the property, as in ``control_totals.boav_wind_volume``.
        first_day, last_day: the settlement days that it is of, both included.
        unit: the BM unit that deviates; None for whatever the check finds on those days.
        reason: why it is accepted.
        accepted_by: who has accepted it.
        expires: the last day, in London, on which it holds.
    """

    check: str
    first_day: dt.date
    last_day: dt.date
    reason: str
    accepted_by: str
    expires: dt.date
    unit: str | None = None

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
        could be looked at, only a waiver of the whole day covers it.

        Args:
            day: settlement date.
            results: evaluations of it.
            today: the day in London: a waiver that expired before it is ignored, which the log says.
        """
        return [r if r.passed else self._applied(day, r, today) for r in results]

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
        by_unit: dict[Any, Waiver] = {}
        for waiver in sorted(in_force, key=lambda w: w.expires):
            by_unit[waiver.unit] = waiver
        left = [v for v in result.violations if v.get("bmu_id") not in by_unit]
        used = {id(w): w for v in result.violations if (w := by_unit.get(v.get("bmu_id")))}.values()
        count = result.violation_count - (len(result.violations) - len(left))
        if not used:
            return result
        if count == 0:
            return result.waived("; ".join(map(str, used)), min(w.expires for w in used))
        names = ", ".join(f"{w.unit} until {w.expires}" for w in used)
        actual = f"{result.actual}; {result.violation_count - count} waived ({names})"
        return replace(result, violation_count=count, violations=tuple(left), actual=actual)


def read_waivers(path: Path) -> Waivers:
    """The waivers in a TOML file with a table ``[[waiver]]`` for each.

    Raises:
        ConfigurationError: the file cannot be read, or an entry is wrong; names the file and the entry.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(f"{path}: the waivers cannot be read: {problem}") from None
    entries = content.pop("waiver", [])
    if content or not isinstance(entries, list):
        other = ", ".join(sorted(content)) or "waiver"
        raise ConfigurationError(f"{path}: every waiver is a table [[waiver]]; {other} is not known here")
    return Waivers(tuple(_entry(path, number, entry) for number, entry in enumerate(entries, 1)))


def _entry(path: Path, number: int, entry: Any) -> Waiver:
    where = f"{path}: waiver {number}"
    try:
        waiver = msgspec.convert(entry, Waiver)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    where += f" ({waiver.check}, {waiver.first_day})"
    if waiver.check not in _WAIVABLE:
        raise ConfigurationError(
            f"{where}: {waiver.check!r} is no check that can be waived: docs/checks.md lists those of settlement days"
        )
    if waiver.last_day < waiver.first_day:
        raise ConfigurationError(f"{where}: last_day {waiver.last_day} is before first_day")
    for name in ("reason", "accepted_by", "unit"):
        value = getattr(waiver, name)
        if value is not None and (not value.strip() or not value.isprintable()):
            raise ConfigurationError(f"{where}: {name} must be a text of one line")
    return waiver
