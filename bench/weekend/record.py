"""What was seen in the weekend, as JSON and as a page to read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.weekend.clock import LONDON
from bench.weekend.servers import Alert
from bench.weekend.stack import Command, Tick


@dataclass(frozen=True)
class Day:
    """A settlement day as the warehouse had it at a moment."""

    day: str
    status: str
    periods_due: int | None
    periods_present: int | None
    curtailed_mwh: float | None

    def __str__(self) -> str:
        if self.periods_due is None:
            return self.status
        return f"{self.status} {self.periods_present}/{self.periods_due}, {self.curtailed_mwh:,.0f} MWh"


@dataclass
class Seen:
    """Everything that was seen.

    Args:
        started, ended: by the moved clock.
        real_seconds: how long it took.
        days: after each step of the clock, how the latest days stood.
        ticks: of schedules, with those that were due and did not come as ``missed``.
        sensors: of each how many ticks came to what.
        runs: all runs.
        alerts: what the webhook was posted.
        heartbeats: when the heartbeat's address was asked.
        calls: to the source, by hour (UTC) and kind.
        happened: what the driver did, with what came of it.
        commands: the same of commands, by a name.
        sums: results of the check of the running month's sums, oldest first: when, whether it passed.
        month_is_right: whether the running month was the sum of its days in the end.
        figures: differences from the published figures, by day; of days that are over.
        stuck: why it could not go on.
    """

    started: dt.datetime
    ended: dt.datetime | None = None
    real_seconds: float = 0
    days: dict[dt.datetime, dict[str, Day]] = field(default_factory=dict)
    ticks: list[Tick] = field(default_factory=list)
    sensors: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    heartbeats: list[dt.datetime] = field(default_factory=list)
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    happened: list[tuple[dt.datetime, str]] = field(default_factory=list)
    commands: dict[str, Command] = field(default_factory=dict)
    sums: list[tuple[dt.datetime, bool]] = field(default_factory=list)
    month_is_right: bool | None = None
    figures: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    stuck: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What must be so, and whether it is: None where the part that was lived through does not reach it."""

    what: str
    holds: bool | None
    found: str


def london(instant: dt.datetime) -> str:
    """As in ``Sun 12:30``."""
    return f"{instant.astimezone(LONDON):%a %H:%M}"


def write(folder: Path, seen: Seen, verdicts: list[Verdict]) -> None:
    """``weekend.json`` with everything, and ``weekend.md`` to read."""
    (folder / "weekend.json").write_text(json.dumps(_plain(seen, verdicts), indent=1) + "\n", "utf-8")
    (folder / "weekend.md").write_text("\n".join(_page(seen, verdicts)) + "\n", "utf-8")


def _plain(seen: Seen, verdicts: list[Verdict]) -> dict[str, Any]:
    return {
        "started": seen.started.isoformat(),
        "ended": seen.ended.isoformat() if seen.ended else None,
        "real_seconds": round(seen.real_seconds),
        "stuck": seen.stuck,
        "verdicts": [vars(verdict) for verdict in verdicts],
        "alerts": [{"at": a.at.isoformat(), "kind": a.kind, "text": a.text} for a in seen.alerts],
        "heartbeats": [at.isoformat() for at in seen.heartbeats],
        "happened": [{"at": at.isoformat(), "what": what} for at, what in seen.happened],
        "commands": {
            name: {"at": c.at.isoformat(), "arguments": list(c.arguments), "code": c.code, "output": c.output}
            for name, c in seen.commands.items()
        },
        "ticks": [vars(tick) | {"due": tick.due.isoformat()} for tick in seen.ticks],
        "sensors": seen.sensors,
        "runs": seen.runs,
        "calls_by_hour_utc": {hour: dict(kinds) for hour, kinds in seen.calls.items()},
        "days": [
            {"at": at.isoformat(), **{day: vars(found) for day, found in of_days.items()}}
            for at, of_days in seen.days.items()
        ],
        "sums_of_the_running_month": [{"at": at.isoformat(), "passed": passed} for at, passed in seen.sums],
        "month_is_right": seen.month_is_right,
        "differences_from_the_published_figures": seen.figures,
    }


def _page(seen: Seen, verdicts: list[Verdict]) -> Iterator[str]:
    until = london(seen.ended) if seen.ended else "?"
    yield f"# {london(seen.started)} to {until}, in {seen.real_seconds / 60:.0f} real minutes"
    if seen.stuck:
        yield f"\n**It could not go on: {seen.stuck}**"
    yield "\n## What must be so\n"
    marks = {True: "holds", False: "**DOES NOT HOLD**", None: "not reached"}
    for verdict in verdicts:
        yield f"- {marks[verdict.holds]}: {verdict.what}" + (f" ({verdict.found})" if verdict.found else "")
    yield "\n## What was told\n"
    for alert in seen.alerts:
        first, *rest = alert.text.splitlines()
        yield f"- {london(alert.at)} {first}"
        yield from (f"  - {line}" for line in rest)
    if not seen.alerts:
        yield "Nothing."
    yield f"\nHeartbeats: {len(seen.heartbeats)}."
    yield "\n## What happened, ran and was told, in order\n"
    yield "| London | what | came to |"
    yield "|---|---|---|"
    runs = {run["run_id"]: run for run in seen.runs}
    lines = [(at, f"**{what}**", "") for at, what in seen.happened]
    lines += [(a.at, f"told: {a.kind}", a.text.splitlines()[0]) for a in seen.alerts]
    lines += [(t.due, t.schedule, _came_to(t, runs)) for t in seen.ticks]
    asked_by_ticks = {run_id for tick in seen.ticks for run_id in tick.run_ids}
    lines += [
        (dt.datetime.fromisoformat(r["created"]), f"{r['job']}, for {r['asked_by']}", _ran(r))
        for r in seen.runs
        if r["run_id"] not in asked_by_ticks
    ]
    for at, what, came_to in sorted(lines, key=lambda line: line[0]):
        yield f"| {london(at)} | {_cell(what)} | {_cell(came_to)} |"
    yield "\n## Days, each hour\n"
    names = sorted({day for of_days in seen.days.values() for day in of_days})
    yield "| London | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 1) + "|"
    hour = None
    for at, of_days in seen.days.items():
        if (this := at.replace(minute=0, second=0, microsecond=0)) != hour:
            yield f"| {london(at)} | " + " | ".join(str(of_days.get(name, "-")) for name in names) + " |"
            hour = this
    yield "\n## Calls to the source, by hour\n"
    kinds = sorted({kind for of_hour in seen.calls.values() for kind in of_hour})
    yield "| London | " + " | ".join(kinds) + " |"
    yield "|---" * (len(kinds) + 1) + "|"
    for hour_utc, of_hour in seen.calls.items():
        begins = dt.datetime.fromisoformat(f"{hour_utc}:00:00+00:00")
        yield f"| {london(begins)} | " + " | ".join(str(of_hour.get(kind, 0)) for kind in kinds) + " |"
    yield "\n## Sensors\n"
    for name, counts in sorted(seen.sensors.items()):
        yield f"- `{name}`: " + ", ".join(f"{n} {what}" for what, n in counts.items())


def _came_to(tick: Tick, runs: Mapping[str, Mapping[str, Any]]) -> str:
    if tick.run_ids:
        return "; ".join(_ran(runs[run_id]) if run_id in runs else run_id[:8] for run_id in tick.run_ids)
    return f"{tick.status.lower()}: {tick.said}" if tick.said else tick.status.lower()


def _ran(run: Mapping[str, Any]) -> str:
    of = f"{run['partitions']} " if run["partitions"] else ""
    took = f" in {run['seconds']:.0f} s" if run["seconds"] is not None and run["seconds"] < 600 else ""
    return f"{of}{run['status'].lower()}{took} (run {run['run_id'][:8]})"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())[:300]
