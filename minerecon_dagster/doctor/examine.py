"""All lines, in their order."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable

from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.doctor.line import Line, State, looked_at
from minerecon_dagster.doctor.machine import machine_lines
from minerecon_dagster.doctor.services import service_lines
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.settings import Settings, mistyped


def examine(
    settings: Settings, now: Callable[[], dt.datetime], runs_elsewhere: Callable[[], bool] = lambda: False
) -> list[Line]:
    """Everything but the source: nothing is changed, and nothing outside is asked.

    Args:
        settings: what is configured.
        now: this machine's clock.
        runs_elsewhere: whether Dagster launches runs on other hosts.
    """
    return [
        *service_lines(settings, settlement_date(now()), now, runs_elsewhere),
        *machine_lines(settings),
        *(
            Line("setting", State.IGNORED, f"{name} is no setting, and is ignored", f"the nearest is {nearest}")
            for name, nearest in mistyped(os.environ).items()
        ),
    ]


def examine_source(open_client: Callable[[], ElexonClient], source_url: str) -> list[Line]:
    """The source, by about ten questions.

    Args:
        open_client: makes a client of it.
        source_url: its base URL.
    """
    from minerecon_dagster.doctor.source import known_day, source_lines

    lines: list[Line] = []

    def look() -> Line:
        known = known_day(source_url)
        with open_client() as client:
            first, *others = source_lines(client, known)
        lines.extend(others)
        return first

    return [looked_at("source", look), *lines]
