"""The tables of docs/operate/operations.md: what runs by itself, and what is started."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from minerecon_dagster.defs.jobs import JOBS
from minerecon_dagster.defs.schedules import RUNNING, SCHEDULES, Schedule
from minerecon_dagster.defs.sensors import SENSORS, Sensor


def schedules(folder: str) -> str:
    """All schedules; ``folder`` is where the page is that has the table."""
    return _table("schedule | London time", SCHEDULES.values(), folder)


def sensors(folder: str) -> str:
    """All sensors; ``folder`` as above."""
    return _table("sensor | how often", SENSORS, folder)


def jobs(_: str) -> str:
    """All jobs."""
    return "\n".join(["| job | does |", "|---|---|", *(f"| `{job.name}` | {job.purpose} |" for job in JOBS)])


def _table(heads: str, rows: Iterable[Schedule | Sensor], folder: str) -> str:
    lines = [f"| {heads} | does |", "|---|---|---|"]
    for row in rows:
        purpose = row.purpose.removesuffix(RUNNING).strip()
        link = posixpath.relpath(row.page, folder) if row.page else ""
        page = f" [{link}]({link})" if link else ""
        because = f", {row.because}" if isinstance(row, Schedule) and row.because else ""
        lines.append(f"| `{row.name}` | {row.when}{because} | {purpose}{page} |")
    return "\n".join(lines)
