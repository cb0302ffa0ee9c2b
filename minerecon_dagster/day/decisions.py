"""What people have decided of settlement days: ``waivers.toml``, read whole or not at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from minerecon_dagster.checks.waivers import NO_WAIVERS, Waiver, Waivers
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.decisions.reader import WAIVERS_FILE, files, only, read
from minerecon_dagster.decisions.unavailable import NOTHING_CLOSED, ClosedDays, Unavailable


@dataclass(frozen=True)
class DayDecisions:
    """The deviations that are accepted for a time, and the days that are closed."""

    waivers: Waivers = NO_WAIVERS
    closed: ClosedDays = NOTHING_CLOSED


NO_DECISIONS = DayDecisions()


def read_day_decisions(path: Path, *, today: dt.date) -> DayDecisions:
    """The tables ``[[waiver]]`` and ``[[unavailable]]`` of a file; of the project's own also those in the old place.

    Args:
        path: the file (`minerecon_dagster.settings.Settings.waivers_file`).
        today: the settlement day in progress: only days before it can be closed.

    Raises:
        ConfigurationError: the file cannot be read, or an entry is wrong; names the file and the entry.
    """
    waivers: list[Waiver] = []
    closed: list[tuple[Unavailable, Path]] = []
    for file in files(WAIVERS_FILE.name) if path == WAIVERS_FILE else [path]:
        entries = read(file, Waiver, Unavailable)
        waivers += only(Waiver, entries)
        closed += [(entry, file) for entry in only(Unavailable, entries)]
    _refuse_what_cannot_be_closed(closed, today)
    return DayDecisions(Waivers(tuple(waivers)), ClosedDays(tuple(entry for entry, _ in closed)))


def _refuse_what_cannot_be_closed(closed: Sequence[tuple[Unavailable, Path]], today: dt.date) -> None:
    for entry, file in closed:
        if entry.last_day >= today:
            raise ConfigurationError(
                f"{file}: unavailable ({entry.title}): {entry.last_day} is not over, and today is {today} in London: "
                "only a day that is over can be closed"
            )
    in_order = sorted(closed, key=lambda c: (c[0].first_day, c[0].last_day))
    for (one, file), (other, _) in pairwise(in_order):
        if other.first_day <= one.last_day:
            raise ConfigurationError(
                f"{file}: unavailable ({one.title}) and unavailable ({other.title}) both close {other.first_day}; "
                "let one of them close it"
            )
