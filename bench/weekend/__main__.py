"""Live through a weekend of faults with the daemon alive, and judge what ran and what was told: `make weekend`.

    python -m bench.weekend                       # Saturday noon to Monday 12:30
    python -m bench.weekend --hours 2             # the first two hours only
    python -m bench.weekend --start 2025-03-30T11:30 --hours 6 --history-from 2025-03-27    # the outage only

Exits with 0 if everything that was reached is as it must be, 1 if something is not, 2 if it cannot be tried here.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import end_in_order
from bench.replay import REPLAY, RETARGETS, differences, expected_figures, serve_replay, stored_figures
from bench.weekend.clock import LONDON, Clock, why_not
from bench.weekend.expectations import judge
from bench.weekend.record import Day, Seen, london, write
from bench.weekend.scenario import FRIDAY, SATURDAY, SUNDAY, Plan
from bench.weekend.servers import Fault, PriceSource, Proxy, Receiver
from bench.weekend.stack import (
    ROOT,
    StuckError,
    Tick,
    Warehouse,
    Watcher,
    apart,
    command,
    dagster_alive,
    wait_for,
    write_dagster_yaml,
)
from minerecon_dagster.local.services import local_services

_BEFORE = dt.timedelta(minutes=25)
"""When the days before are fetched: the daemon meets a warehouse that is in order."""
_DAYS = """
    SELECT CAST(s.settlement_date AS text), s.status, d.periods_due, d.periods_present, CAST(d.curtailed_mwh AS float)
    FROM analytics.reconciliation_status AS s
    LEFT JOIN minerecon.daily_summaries AS d ON d.summary_date = s.settlement_date
    WHERE s.settlement_date >= CAST(%s AS date) - 2 ORDER BY 1
"""
_SUMS = """
    SELECT evaluated_at, passed FROM minerecon.reconciliation_results
    WHERE check_name = 'sums_not_older_than_parts' AND scope = 'month' AND to_char(settlement_date, 'YYYY-MM') = %s
    ORDER BY evaluated_at, result_id
"""
_MONTH_IS_RIGHT = """
    SELECT m.curtailed_mwh = (SELECT sum(curtailed_mwh) FROM minerecon.daily_summaries
                              WHERE to_char(summary_date, 'YYYY-MM') = m.year_month)
    FROM minerecon.monthly_summaries AS m WHERE m.year_month = %s
"""
_TYPED_IN = "UPDATE minerecon.monthly_summaries SET curtailed_mwh = curtailed_mwh + 1000 WHERE year_month = %s"


class Weekend:
    """The driver: moves the clock to whatever comes next, lets it happen, waits until all is quiet, and looks."""

    def __init__(self, plan: Plan, clock: Clock, folder: Path, upstream: str) -> None:
        self.plan, self.clock, self.folder = plan, clock, folder
        self.proxy = Proxy(upstream, clock.now)
        self.prices = PriceSource(clock.now)
        self.receiver = Receiver(clock.now)
        self.seen = Seen(started=plan.start)
        self.warehouse: Warehouse | None = None

    def environ(self) -> dict[str, str]:
        """Where the project finds everything."""
        return {
            "ELEXON_BASE_URL": self.proxy.base_url,
            "BITCOIN_PRICE_BASE_URL": self.prices.base_url,
            "MINERECON_ALERT_WEBHOOK_URL": self.receiver.webhook_url,
            "MINERECON_HEARTBEAT_URL": self.receiver.heartbeat_url,
            "MINERECON_START_DATE": self.plan.history_from,
            "ELEXON_MAX_REQUESTS_PER_MINUTE": "0",
        }

    def prepare(self) -> None:
        """Difficulties, prices, and the days before, as they are shortly before the start."""
        yesterday = str((self.plan.start - dt.timedelta(days=1)).date())
        for arguments in (
            ("db", "upgrade"),
            ("difficulty", "load", str(RETARGETS)),
            ("reingest", self.plan.history_from, yesterday),
            ("reingest", str(self.plan.start.date())),
            ("prices", self.plan.history_from, yesterday),
        ):
            done = command(self.clock, *arguments)
            self._happened(f"minerecon {' '.join(arguments)}: exit {done.code}")
            # A day may be provisional: exit 1 is not for the driver to judge, but a day that is not there is.
            if done.code == 2 or (done.code and arguments[0] in ("db", "difficulty", "prices")):
                raise StuckError(f"minerecon {' '.join(arguments)}: {done.output[-500:]}")

    def live(self, watcher: Watcher) -> None:
        """From the start to the end, step by step."""
        plan = self.plan
        self._as_left_by_what_went_before()
        self.clock.move_to(plan.start - dt.timedelta(minutes=4))
        watcher.wait_until_known()
        watcher.settle({})
        ticks = watcher.due_times(plan.start - dt.timedelta(seconds=1), plan.until)
        events: dict[dt.datetime, list[tuple[str, Callable[[], None]]]] = {}
        for at, name, act in sorted(self._events(), key=lambda event: event[0]):
            if plan.start <= at <= plan.until:
                events.setdefault(at.astimezone(dt.UTC), []).append((name, act))
        steps = sorted({*ticks, *events})
        for at in steps:
            began = time.monotonic()
            for name, act in events.get(at, ()):
                self._move_to(at)
                self._happened(name)
                act()
            self._move_to(at + dt.timedelta(seconds=1))
            to_the_end = at == steps[-1] or self._to_the_end(at, ticks, events)
            watcher.settle(dict.fromkeys(ticks.get(at, ()), at), to_the_end=to_the_end)
            self._look()
            self._say(at, ticks.get(at, []), time.monotonic() - began)
        self._missing(watcher, ticks)

    def _as_left_by_what_went_before(self) -> None:
        """A part that begins in the middle of an outage begins with it."""
        plan = self.plan
        for (first, last), fails in ((plan.outage, self._falls_silent), (plan.price_outage, self._prices_go_away)):
            if first < plan.start < last:
                fails()

    def _falls_silent(self) -> None:
        self.proxy.fault = Fault(silent=True)

    def _prices_go_away(self) -> None:
        self.prices.is_away = True

    def gather(self, watcher: Watcher | None) -> None:
        """What was seen, as far as it went."""
        seen, plan = self.seen, self.plan
        seen.ended = self.clock.now()
        if watcher is not None:
            missed = seen.ticks
            seen.ticks = sorted([*watcher.ticks(plan.start), *missed], key=lambda tick: tick.due)
            seen.sensors = watcher.sensor_ticks(plan.start - dt.timedelta(minutes=10))
            seen.runs = watcher.runs(plan.start - dt.timedelta(minutes=10))
        seen.alerts, seen.heartbeats = list(self.receiver.alerts), list(self.receiver.heartbeats)
        seen.calls = self.proxy.by_hour()
        if self.warehouse is not None:
            seen.sums = self.warehouse.rows(_SUMS, plan.month)
            seen.month_is_right = next((row[0] for row in self.warehouse.rows(_MONTH_IS_RIGHT, plan.month)), None)
            with self.warehouse.cursor() as cursor:
                for day in (SATURDAY, SUNDAY):
                    if (stored := stored_figures(cursor, day)) and str(seen.ended.astimezone(LONDON).date()) > day:
                        seen.figures[day] = differences(expected_figures(day), stored)

    def _events(self) -> Iterator[tuple[dt.datetime, str, Callable[[], None]]]:
        plan = self.plan

        def fault(fault: Fault) -> Callable[[], None]:
            return lambda: setattr(self.proxy, "fault", fault)

        def ask(name: str, *arguments: str) -> Callable[[], None]:
            return lambda: self.seen.commands.__setitem__(name, command(self.clock, *arguments))

        def type_in() -> None:
            assert self.warehouse is not None
            assert self.warehouse.typed_in(_TYPED_IN, plan.month) == 1

        periods = "-".join(map(str, plan.late_periods))
        yield (
            plan.late[0],
            f"periods {periods} of {SATURDAY} come late",
            fault(Fault(late={SATURDAY: plan.late_periods})),
        )
        yield plan.late[1], "they are there", fault(Fault())
        yield plan.outage[0], "the source falls silent: stack, BOAV and EBOCF without rows", self._falls_silent
        asked = ("status", "--from", SUNDAY, "--to", SUNDAY, "--json")
        yield plan.status_asked, "a person asks how Sunday stands", ask("status in the outage", *asked)
        yield plan.outage[1], "the source is back", fault(Fault())
        yield plan.typed, f"1,000 MWh are typed into {plan.month}", type_in
        yield plan.typed, "a person verifies a day", ask("verify after typing", "verify", FRIDAY, "--json")
        # First refused, then answering 500: a retry that knows one of them only is no help.
        yield plan.price_outage[0], "the price source goes away", self._prices_go_away
        half = plan.price_outage[0] + (plan.price_outage[1] - plan.price_outage[0]) * 0.75

        def answers_500() -> None:
            self.prices.is_away, self.prices.status = False, 500

        def answers() -> None:
            self.prices.is_away, self.prices.status = False, None

        yield half, "the price source answers 500", answers_500
        yield plan.typed_before_sweep, f"1,000 MWh are typed into {plan.month} again", type_in
        yield plan.price_outage[1], "the price source is back", answers
        days = (str(plan.prices_asked.date() - dt.timedelta(days=n)) for n in (7, 1))
        yield plan.prices_asked, "a person asks for the prices", ask("prices asked for", "prices", *days)

    @staticmethod
    def _to_the_end(at: dt.datetime, ticks: Mapping[dt.datetime, list[str]], events: Mapping[dt.datetime, Any]) -> bool:
        """Whether all must be quiet before the clock moves on: but at half past, where only today is refreshed.

        What follows from it (the sums of the month, then of the year) then runs beside the next refresh.
        """
        return at.minute != 30 or at in events or ticks.get(at) != ["intraday_refresh"]

    def _move_to(self, at: dt.datetime) -> None:
        # What went before may have taken the clock further.
        if at > self.clock.now():
            self.clock.move_to(at)

    def _happened(self, what: str) -> None:
        self.seen.happened.append((self.clock.now(), what))
        print(f"{london(self.clock.now())}  {what}", flush=True)

    def _look(self) -> None:
        assert self.warehouse is not None
        now = self.clock.now()
        rows = self.warehouse.rows(_DAYS, self.plan.start.date())
        self.seen.days[now] = {row[0]: Day(*row) for row in rows}

    def _say(self, at: dt.datetime, due: list[str], seconds: float) -> None:
        newest = list(self.seen.days.values())[-1]
        told = [a for a in self.receiver.alerts if a.at >= at]
        days = ", ".join(f"{day[5:]} {found}" for day, found in list(newest.items())[-2:])
        print(f"{london(at)}  {seconds:4.0f} s  {', '.join(due)}: {days}", flush=True)
        for alert in told:
            print(f"           TOLD {london(alert.at)} {alert.text.splitlines()[0][:150]}", flush=True)

    def _missing(self, watcher: Watcher, due: dict[dt.datetime, list[str]]) -> None:
        came = {(tick.schedule, tick.due) for tick in watcher.ticks(self.plan.start)}
        self.seen.ticks = [
            Tick(name, at, "missed", (), None) for at, names in due.items() for name in names if (name, at) not in came
        ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    local = lambda text: dt.datetime.fromisoformat(text).replace(tzinfo=LONDON)  # noqa: E731
    parser.add_argument(
        "--start", type=local, default=Plan.start, metavar="TIME", help="London, as in 2025-03-30T11:30"
    )
    parser.add_argument("--until", type=local, default=Plan.until, metavar="TIME", help="London")
    parser.add_argument("--hours", type=float, help="live so many hours only")
    parser.add_argument("--outage-hours", type=float, default=4, help="how long the source is silent (default 4)")
    parser.add_argument("--history-from", default=Plan.history_from, metavar="DATE", help="the first day of all")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "out" / "weekend", help="folder of what was seen")
    return parser.parse_args()


def main() -> int:
    given = _arguments()
    if reason := why_not() or (None if REPLAY.exists() else "needs the replay of published days, ../shared/replay"):
        print(f"weekend: skipped: {reason}", file=sys.stderr)
        return 2
    until = min(given.until, given.start + dt.timedelta(hours=given.hours)) if given.hours else given.until
    outage = (Plan.outage[0], Plan.outage[0] + dt.timedelta(hours=given.outage_hours))
    plan = Plan(start=given.start, until=until, history_from=given.history_from, outage=outage)
    given.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="minerecon-weekend-") as name:
        folder = Path(name)
        clock = Clock(folder, plan.start - _BEFORE)
        write_dagster_yaml(folder)
        os.chdir(folder)  # no file of the project's folder, as a .env, is near
        _only(apart(clock, folder))
        seen = _weekend(plan, clock, folder)
        for log in (*folder.glob("*.log"), *folder.glob("home/run/*.log")):
            (given.out / log.name).write_bytes(log.read_bytes())
    seen.real_seconds = time.monotonic() - began
    verdicts = judge(plan, seen)
    write(given.out, seen, verdicts)
    for verdict in verdicts:
        mark = {True: "holds", False: "DOES NOT HOLD", None: "not reached"}[verdict.holds]
        print(f"{mark}: {verdict.what}" + (f" ({verdict.found})" if verdict.found else ""))
    print(f"{given.out / 'weekend.md'}: {len(seen.runs)} runs, {seen.real_seconds / 60:.0f} real minutes")
    return int(any(verdict.holds is False for verdict in verdicts))


def _only(environ: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)


def _weekend(plan: Plan, clock: Clock, folder: Path) -> Seen:
    with contextlib.ExitStack() as stack:
        weekend = Weekend(plan, clock, folder, stack.enter_context(serve_replay("--live")))
        for server in (weekend.proxy, weekend.prices, weekend.receiver):
            stack.enter_context(server.running())
        os.environ.update(weekend.environ())
        services = stack.enter_context(local_services(folder / "home", {}))
        os.environ.update(services)
        weekend.warehouse = Warehouse(services["DATABASE_URL"], folder / "home")
        watcher = None
        try:
            weekend.prepare()
            watcher = Watcher(clock, alive := stack.enter_context(dagster_alive(folder)))
            stack.callback(watcher.close)
            wait_for(lambda: True, "the daemon", alive)
            weekend.live(watcher)
        except (StuckError, KeyboardInterrupt) as error:
            weekend.seen.stuck = str(error) or "it was interrupted"
            print(f"STUCK: {weekend.seen.stuck}", file=sys.stderr)
        weekend.gather(watcher)
        return weekend.seen


if __name__ == "__main__":
    sys.exit(main())
