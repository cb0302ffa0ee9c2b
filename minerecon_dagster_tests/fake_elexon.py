"""Elexon for tests: the sample's server over loopback, with days of any date and everything that can go wrong.

    with fake_elexon(day) as elexon:
        elexon.world.hide[day, "bid"] = {40, 41}
        elexon.faults = lambda path: Fault(500) if elexon.requests[path] == 1 else None
        ... Client(elexon.base_url) ...

All knobs may be turned while it runs.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from io import BytesIO
from typing import Any

from minerecon_dagster.core.answers import SYNTHETIC_PATH
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide, period_count
from minerecon_dagster.elexon.datasets import DATASETS
from minerecon_dagster.sample import SAMPLE_DAYS
from minerecon_dagster.sample.generate import Action, Row, SampleDay, SampleWorld
from minerecon_dagster.sample.server import API_PATH, Reply, SampleHandler, SampleServer, reply_to


@dataclass(frozen=True)
class Fault:
    """What happens to a request instead of its answer.

    Without a status the true answer is sent, after ``hang`` is set, and only half of its body if ``cut``.
    With ``drop`` the connection is closed and nothing is sent.
    """

    status: int | None = None
    body: bytes = b'{"title":"error"}'
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    drop: bool = False
    hang: threading.Event | None = None


CUT = Fault(cut=True)
DROPPED = Fault(drop=True)
HTML = Fault(200, b"<html><body>Service unavailable</body></html>", "text/html")
NO_ROWS = Fault(200, b'{"data": []}')
NOT_FOUND = Fault(404)


def stack_path(side: StackSide, day: dt.date, period: int) -> str:
    """The path of one period's stack below the base URL, as ``faults`` and ``requests`` know it."""
    return f"/balancing/settlement/stack/all/{side}/{day}/{period}"


def boav_path(side: StackSide, day: dt.date) -> str:
    """The path of a day's accepted volumes below the base URL."""
    return f"/balancing/settlement/acceptance/volumes/all/{side}/{day}"


@dataclass(frozen=True)
class Totals:
    """A wind unit's day: curtailed energy (positive) and net payment, of all bids and of the SO-flagged ones."""

    rows: int
    mwh: Decimal
    gbp: Decimal
    so_rows: int
    so_mwh: Decimal
    so_gbp: Decimal


_OWN_DATASETS = list(DATASETS)
"""Without those that a test has made up."""


class FakeWorld(SampleWorld):
    """A sample world whose rows can be hidden and revised.

    ``hide`` holds periods by (day, side) whose stack has no rows; with ``hide_controls`` the control
    totals have none for them either. ``revise`` multiplies a day's wind volumes. ``unregistered`` holds units that
    the register has not got, and ``register_as`` fields of it by unit; ``quiet_farms`` is how many wind farms without
    bids it has besides. ``respelt`` holds units that rows and control totals spell otherwise.
    """

    def __init__(self, days: tuple[dt.date, ...], **kwargs: Any) -> None:
        super().__init__(days, **kwargs)
        self.hide: defaultdict[tuple[dt.date, StackSide], set[int]] = defaultdict(set)
        self.hide_controls = False
        self.revise: dict[dt.date, float] = {}
        self.unregistered: set[str] = set()
        self.register_as: dict[str, dict[str, Any]] = {}
        self.quiet_farms = 0
        self.respelt: dict[str, str] = {}

        self.made_of = (self.days, frozenset(self._windless), frozenset(self._unpriced))
        self._made = _made(*self.made_of[1:])
        self._revised = _made_and_revised(*self.made_of[1:])
        self._attributes = {"_attributes", *vars(self)}

    @property
    def state(self) -> Hashable | None:
        """What all answers follow from: worlds of the same state answer alike. None: more was touched than knobs."""
        is_patched = type(self) is not FakeWorld or vars(self).keys() != self._attributes
        if is_patched or self.days != self.made_of[0] or DATASETS != _OWN_DATASETS:
            return None
        # Lists first: a test may turn a knob meanwhile.
        return (
            self.made_of,
            frozenset((slot, frozenset(periods)) for slot, periods in list(self.hide.items()) if periods),
            self.hide_controls,
            frozenset(self.revise.items()),
            frozenset(self.unregistered),
            frozenset((unit, repr(fields)) for unit, fields in list(self.register_as.items())),
            self.quiet_farms,
            frozenset(self.respelt.items()),
        )

    def register(self) -> list[Row]:
        rows = super().register()
        farm = next(row for row in rows if row["fuelType"] == "WIND")
        rows += [
            farm
            | {
                "elexonBmUnit": f"T_QUI{letter}W-{n}",
                "nationalGridBmUnit": f"QUI{letter}W-{n}",
                "bmUnitName": f"SYNTHETIC Quiet {letter}{n}",
                "generationCapacity": "50.000",
            }
            for number in range(self.quiet_farms)
            for letter, n in [("ABCDEFGHIJ"[number % 10], number // 10 + 1)]
        ]
        rows = [row for row in rows if row["elexonBmUnit"] not in self.unregistered]
        return [row | self.register_as.get(row["elexonBmUnit"] or "", {}) for row in rows]

    def day(self, day: dt.date) -> SampleDay:
        made, factor = super().day(day), self.revise.get(day)
        if factor is None:
            return made
        if (day, factor) not in self._revised:
            self._revised[day, factor] = _revised(made, factor)
        return self._revised[day, factor]

    def stack(self, day: dt.date, side: StackSide, period: int) -> list[Row]:
        rows = [self._spelt("id", row) for row in super().stack(day, side, period)]
        return [] if period in self.hide[day, side] else rows

    def volumes(self, day: dt.date, side: StackSide) -> list[Row]:
        return self._not_hidden(day, side, super().volumes(day, side))

    def cashflows(self, day: dt.date, side: StackSide) -> list[Row]:
        return self._not_hidden(day, side, super().cashflows(day, side))

    def _not_hidden(self, day: dt.date, side: StackSide, rows: list[Row]) -> list[Row]:
        hidden = self.hide[day, side] if self.hide_controls else set()
        rows = [self._spelt("bmUnit", row) for row in rows]
        return [row for row in rows if row["settlementPeriod"] not in hidden]

    def _spelt(self, name: str, row: Row) -> Row:
        return row | {name: self.respelt[row[name]]} if row[name] in self.respelt else row

    def expected_totals(self, day: dt.date) -> dict[str, Totals]:
        """What the day's served rows hold per wind unit, by the exact decimals of their JSON."""
        wind = {row["elexonBmUnit"] for row in self.register() if row["fuelType"] == "WIND"} - {None}
        zero = Decimal()
        totals: dict[str, Totals] = {}
        for side in STACK_SIDES:
            for period in range(1, period_count(day) + 1):
                for text in {json.dumps(row) for row in self.stack(day, side, period)}:
                    row = json.loads(text, parse_float=Decimal)
                    if row["id"] not in wind or row["volume"] >= 0:
                        continue
                    known = totals.get(row["id"], Totals(0, zero, zero, 0, zero, zero))
                    mwh, gbp = -row["volume"], row["volume"] * (row["originalPrice"] or 0)
                    known = replace(known, rows=known.rows + 1, mwh=known.mwh + mwh, gbp=known.gbp + gbp)
                    if row["soFlag"]:
                        known = replace(
                            known, so_rows=known.so_rows + 1, so_mwh=known.so_mwh + mwh, so_gbp=known.so_gbp + gbp
                        )
                    totals[row["id"]] = known
        return totals


@cache
def _made(windless: frozenset[dt.date], unpriced: frozenset[dt.date]) -> dict[dt.date, SampleDay]:
    """The days of all worlds that would make them alike: most tests ask for the same ones."""
    return {}


@cache
def _made_and_revised(
    windless: frozenset[dt.date], unpriced: frozenset[dt.date]
) -> dict[tuple[dt.date, float], SampleDay]:
    return {}


_MOST_REMEMBERED = 4000
_remembered: dict[tuple[Hashable, str], Reply] = {}


def _reply_to(world: FakeWorld, target: str) -> Reply:
    """What ``world`` answers, remembered for all worlds of its state."""
    state = world.state
    if state is None:
        return reply_to(world, target)
    reply = _remembered.get((state, target))
    if reply is None:
        reply = reply_to(world, target)
        if world.state == state:  # no knob was turned meanwhile
            if len(_remembered) >= _MOST_REMEMBERED:
                _remembered.clear()
            _remembered[state, target] = reply
    return reply


def _revised(day: SampleDay, factor: float) -> SampleDay:
    def revised(action: Action) -> Action:
        return replace(action, volume_mwh=action.volume_mwh * factor) if action.is_mapped_wind else action

    return replace(day, stack={slot: tuple(map(revised, actions)) for slot, actions in day.stack.items()})


class FakeElexon(SampleServer):
    """The server: ``faults`` is asked about each request, by its path below the base URL with its query.

    ``requests`` counts them by the same path, the one in hand included.
    """

    world: FakeWorld

    def __init__(self, world: FakeWorld) -> None:
        super().__init__(world, handler=_FakeHandler)
        self.faults: Callable[[str], Fault | None] = lambda path: None
        self.requests: Counter[str] = Counter()
        self.saw: Callable[[Mapping[str, str]], object] = lambda headers: None
        """Told the headers of each request."""
        self._counting = threading.Lock()
        self.hanging: set[threading.Event] = set()

    @property
    def real_base_url(self) -> str:
        """The same answers below a URL without the mark of synthetic data: what they are for is not the sample's."""
        return self.base_url.replace(SYNTHETIC_PATH, "/", 1)

    def serve_forever(self, poll_interval: float = 0.01) -> None:
        """Look more often than others whether to stop: hundreds of tests wait for it."""
        super().serve_forever(0.01)

    def count(self, path: str) -> None:
        with self._counting:
            self.requests[path] += 1

    def server_close(self) -> None:
        for event in self.hanging:
            event.set()
        super().server_close()


class _FakeHandler(SampleHandler):
    server: FakeElexon
    _fault_headers: Mapping[str, str] = {}

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if SYNTHETIC_PATH not in self.path:
            self.path = SYNTHETIC_PATH + self.path.removeprefix("/")
        path = self.path.removeprefix(API_PATH)
        self.server.count(path)
        self.server.saw(self.headers)
        fault = self.server.faults(path) or Fault()
        if fault.hang is not None:
            self.server.hanging.add(fault.hang)
            fault.hang.wait()
        if fault.drop:
            self.close_connection = True
            return
        reply = _reply_to(self.server.world, self.path)
        if fault.status is not None:
            reply = Reply(fault.status, fault.body, fault.content_type)
        self._fault_headers = fault.headers
        if fault.cut:
            self._send_half(reply)
        else:
            self.send(reply)

    def end_headers(self) -> None:
        for name, value in self._fault_headers.items():
            self.send_header(name, value)
        super().end_headers()

    def _send_half(self, reply: Reply) -> None:
        wire, self.wfile = self.wfile, BytesIO()
        self.send(reply)
        head, blank, body = self.wfile.getvalue().partition(b"\r\n\r\n")
        self.wfile = wire
        self.wfile.write(head + blank + body[: len(body) // 2])
        self.close_connection = True


@contextlib.contextmanager
def fake_elexon(*days: dt.date, **kwargs: Any) -> Iterator[FakeElexon]:
    """Serve made-up settlement days of any date (the sample's where none is given) inside the ``with`` block."""
    server = FakeElexon(FakeWorld(days or SAMPLE_DAYS, **kwargs))
    with server.running():
        yield server
