"""The tables of README.md and docs/operate/operations.md of what runs: ``python -m minerecon_dagster.defs.tables``."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterable

from minerecon_dagster.defs.jobs import JOBS
from minerecon_dagster.defs.schedules import RUNNING, SCHEDULES, Schedule
from minerecon_dagster.defs.sensors import SENSORS, Sensor


def what_runs(folder: str) -> str:
    """All schedules and sensors, as README.md has them; ``folder`` is where the page is that has the table."""
    return _table("schedule or sensor | London time", (*SCHEDULES.values(), *SENSORS), folder)


def schedules(folder: str) -> str:
    """All schedules."""
    return _table("schedule | London time", SCHEDULES.values(), folder)


def sensors(folder: str) -> str:
    """All sensors."""
    return _table("sensor | how often", SENSORS, folder)


def jobs(_: str) -> str:
    """All jobs."""
    return "\n".join(["| job | does |", "|---|---|", *(f"| `{job.name}` | {job.purpose} |" for job in JOBS)])


TABLES = {"what_runs": what_runs, "schedules": schedules, "sensors": sensors, "jobs": jobs}
"""By the name that stands before the table in a page, as in ``<!-- made: schedules -->``."""


def _table(heads: str, rows: Iterable[Schedule | Sensor], folder: str) -> str:
    lines = [f"| {heads} | does |", "|---|---|---|"]
    for row in rows:
        purpose = row.purpose.removesuffix(RUNNING).strip()
        link = posixpath.relpath(row.page, folder) if row.page else ""
        page = f" [{link}]({link})" if link else ""
        because = f", {row.because}" if isinstance(row, Schedule) and row.because else ""
        lines.append(f"| `{row.name}` | {row.when}{because} | {purpose}{page} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write("\n\n".join(table(".") for table in TABLES.values()) + "\n")
