"""Drift: compare a stored settlement day with what Elexon answers now.

Elexon's answers are read by the very functions by which a day is ingested, with the register in force:
there is no second interpretation. An answer that does not come is not equal to anything: where the look
was not possible, the check fails.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import Engine

from minerecon_dagster.checks.turn_up import OF_PERIOD, Figures, figures_of, stored_periods
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import StackSide
from minerecon_dagster.core.checks import Result, result
from minerecon_dagster.core.errors import SourceError
from minerecon_dagster.core.exact import EXACT, pounds
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.core.repairs import FIX, REFRESH_REGISTER, VERIFY
from minerecon_dagster.core.sampling import Sampling, detection_share, dice, draws, first_step, further_step
from minerecon_dagster.core.spans import periods_text
from minerecon_dagster.core.states import PeriodLook
from minerecon_dagster.core.turn_up import walk
from minerecon_dagster.day.stored import StoredDay, read_stored_day
from minerecon_dagster.elexon.datasets import control_totals
from minerecon_dagster.elexon.datasets.agws import AGWS, WindOutput, believed_wind_output
from minerecon_dagster.elexon.datasets.control_total import ControlTotal, Totals
from minerecon_dagster.elexon.datasets.stack import STACK, wind_bids
from minerecon_dagster.elexon.reading import DayReading, read_day, silent_answers
from minerecon_dagster.elexon.turn_up import periods_with_offers, targets
from minerecon_dagster.register.store import wind_changes
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.warehouse import Warehouse

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.elexon.client import ElexonClient

Part = TypeVar("Part")


class BidKey(NamedTuple):
    """What tells the accepted wind bids of a day apart."""

    settlement_period: int
    stack_side: StackSide
    bmu_id: str
    acceptance_id: int | None
    bid_offer_pair_id: int | None
    sequence_number: int


class BidValues(NamedTuple):
    """What is compared of a bid; energy in MWh, prices in GBP/MWh."""

    volume_mwh: Decimal
    original_price: Decimal | None
    final_price: Decimal | None
    so_flag: bool | None
    cadl_flag: bool | None


Bids = Mapping[BidKey, BidValues]


@dataclass(frozen=True, slots=True)
class Amounts:
    """Rows, curtailed MWh (positive) and GBP of some bids: of all of them, and of the SO-flagged ones."""

    rows: int = 0
    mwh: Decimal = Decimal()
    gbp: Decimal = Decimal()
    so_rows: int = 0
    so_mwh: Decimal = Decimal()
    so_gbp: Decimal = Decimal()

    def __str__(self) -> str:
        """As a reader writes it, rounded."""
        return f"{self.rows:,} rows, {self.mwh:,.3f} MWh, {pounds(self.gbp)} ({self.so_rows:,} SO-flagged)"

    def as_dict(self) -> dict[str, int | str]:
        """Plain values for JSON; exact numbers as strings."""
        return {
            "rows": self.rows,
            "mwh": f"{self.mwh:f}",
            "gbp": f"{self.gbp:f}",
            "so_rows": self.so_rows,
            "so_mwh": f"{self.so_mwh:f}",
            "so_gbp": f"{self.so_gbp:f}",
        }


def amounts_by(bids: Bids, part: Callable[[BidKey], Part]) -> dict[Part, Amounts]:
    """Add bids up by a part of their key, exactly."""
    sums: dict[Part, list[Any]] = {}
    with localcontext(EXACT):
        for key, bid in bids.items():
            total = sums.setdefault(part(key), [0, Decimal(), Decimal(), 0, Decimal(), Decimal()])
            gbp = bid.volume_mwh * bid.original_price if bid.original_price is not None else Decimal()
            for start in (0, 3) if bid.so_flag else (0,):
                total[start] += 1
                total[start + 1] -= bid.volume_mwh
                total[start + 2] += gbp
    return {key: Amounts(*total) for key, total in sums.items()}


def total(bids: Bids) -> Amounts:
    """All of them added up."""
    return amounts_by(bids, lambda _: None).get(None, Amounts())


def bids_of(reading: DayReading, wind_units: Mapping[str, BmUnit]) -> dict[BidKey, BidValues]:
    """The accepted wind bids of a day's answers, as ingestion takes them."""
    found = {}
    for side, period, bid in wind_bids(reading, wind_units):
        row = bid.row
        key = BidKey(period, side, bid.id, bid.acceptance_id, row.bid_offer_pair_id, row.sequence_number)
        found[key] = BidValues(bid.volume, bid.original_price, row.final_price, bid.so_flag, row.cadl_flag)
    return found


def of_periods(bids: Bids, periods: Iterable[int]) -> dict[BidKey, BidValues]:
    """Those of some settlement periods."""
    wanted = set(periods)
    return {key: bid for key, bid in bids.items() if key.settlement_period in wanted}


def differing(one: Bids, other: Bids) -> frozenset[BidKey]:
    """The bids that only one of both has, or both with other values."""
    return frozenset(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


@dataclass(frozen=True)
class Contents:
    """What is compared of a day, as it is stored, or as its answers have it.

    Args:
        bids: the accepted wind bids.
        totals: the control totals by name, side and unit.
        turn_up: the turn-up estimate by period.
        wind_output: the wind output by period, onshore and offshore.
    """

    bids: Bids
    totals: Mapping[str, Totals]
    turn_up: Mapping[int, Figures]
    wind_output: Mapping[int, WindOutput]


@dataclass(frozen=True)
class StoredContents(Contents):
    """What is stored of a day, all of one instant.

    Args:
        figures: its sums.
        bitcoin: mined BTC by period and unit, and by model.
    """

    figures: StoredDay
    bitcoin: Mapping[tuple[int, str], Mapping[str, Decimal]]


def read_stored(engine: Engine, day: dt.date) -> StoredContents | None:
    """What is stored of a day, all of one instant; None where nothing is."""
    with Warehouse(engine).snapshot() as connection:
        figures = read_stored_day(connection, day)
        if figures is None:
            return None
        bitcoin: dict[tuple[int, str], dict[str, Decimal]] = {}
        for r in connection.execute(statement("verify/stored_bitcoin"), {"day": day}):
            bitcoin.setdefault((r.settlement_period, r.bmu_id), {})[r.miner_model] = r.mined_btc
        totals = {total.name: total.stored_totals(connection, day) for total in control_totals()}
        rows = connection.execute(statement("verify/stored_bids"), {"day": day})
        bids = {BidKey(*row[:6]): BidValues(*row[6:]) for row in rows}
        return StoredContents(
            bids, totals, stored_periods(connection, day), AGWS.stored(connection, day), figures, bitcoin
        )


@dataclass(frozen=True)
class Comparison:
    """A stored day beside Elexon's answers now.

    Args:
        day: settlement date.
        sampling: how its periods were chosen.
        seed: of the periods that were drawn; None where none were.
        comparable: the periods that could be compared.
        periods: those that were: every side of them was answered.
        stored, source: the bids of ``periods``, here and there.
        control_differences: control totals that are not what is stored.
        compares_controls: whether they were looked at.
        unseen: the answers that did not come, and why.
        looked_at: how many answers were compared.
        silent: the answers that came without rows which are held, and what they lack: no change, and not compared.
        more_differences: turn-up, of periods whose bids are the same, and wind output that are not what is stored.
        more_looked_at: of how many periods the turn-up was compared, and how many figures of wind output were.
    """

    day: dt.date
    sampling: Sampling
    seed: int | None
    comparable: Sequence[int]
    periods: Sequence[int]
    stored: Bids
    source: Bids
    control_differences: Sequence[dict[str, Any]]
    compares_controls: bool
    unseen: Sequence[dict[str, str]]
    looked_at: int
    silent: Sequence[dict[str, str]] = ()
    more_differences: Sequence[dict[str, Any]] = ()
    more_looked_at: int = 0

    @property
    def differing(self) -> frozenset[BidKey]:
        """The bids that are not the same here and there."""
        return differing(self.stored, self.source)

    @property
    def differs(self) -> bool:
        """Whether anything that was seen is not what is stored."""
        return bool(self.control_differences or self.differing or self.more_differences)

    @property
    def share(self) -> Decimal | None:
        """The share of the faults of a single period that so many periods find; None of control totals alone."""
        if self.sampling == "controls" and not self.periods:
            return None
        return detection_share(len(self.periods), len(self.comparable))

    @property
    def is_whole(self) -> bool:
        """Whether every period was compared, row by row: no control total tells a change of flags."""
        return self.share == 1 and not self.unseen

    def extent(self) -> str:
        """What was looked at, and what such a look finds, as a reader writes it."""
        if not self.looked_at:
            return "which is silent" if self.silent and not self.unseen else "of which nothing could be looked at"
        if self.share is None:
            return (
                "by whole-day control totals and wind output alone, which find what changes a wind farm's energy or "
                "money of the day, and no change of flags or offers"
            )
        found = f"in {len(self.periods)} of {len(self.comparable)} periods"
        if self.share < 1:
            found += f", a sample that finds {100 * self.share:.1f} % of the faults of a single period"
        return found

    def extent_in_short(self) -> str:
        """What was looked at, without what such a look finds."""
        if not self.looked_at:
            return self.extent()
        return (
            "by control totals" if self.share is None else f"in {len(self.periods)} of {len(self.comparable)} periods"
        )


class Source:
    """A settlement day at Elexon, asked step by step and compared with what is stored.

    Args:
        day: settlement date.
        client: the Elexon client.
        sides: the sides of the stack that are fetched.
        wind_units: the wind farms in force on the day, by unit id.
        held: what the archive holds of the day; None where it cannot be read.
        comparable: the periods that can be compared, ascending.
        sampling: how to choose among them.
        seed: of the periods that are drawn.
        controls_waived: whether a person accepts that Elexon has no accepted volumes (BOAV) of the day.
    """

    def __init__(
        self,
        day: dt.date,
        *,
        client: ElexonClient,
        sides: tuple[StackSide, ...],
        wind_units: Mapping[str, BmUnit],
        held: DayReading | None,
        comparable: Sequence[int],
        sampling: Sampling,
        seed: int,
        controls_waived: bool = False,
    ) -> None:
        self._day = day
        self._controls_waived = controls_waived
        self._client = client
        self._sides = sides
        self._wind_units = wind_units
        self._held = held
        self._comparable = comparable
        self._sampling = sampling
        self._seed = seed
        of_whole_day = sampling in ("full", "controls")
        self._controls = [key for total in control_totals() for key in total.asked] if of_whole_day else []
        self._beside = [AGWS.key] if of_whole_day else []
        self._answers: dict[AnswerKey, Answer] = {}
        self._failures: dict[AnswerKey, SourceError] = {}
        self._periods: list[int] = []
        self._reading: DayReading | None = None
        self._silent: dict[AnswerKey, tuple[int, ...]] = {}

    @property
    def has_answered(self) -> bool:
        """Whether any answer came, if only one that cannot be read."""
        return bool(self._answers)

    def look(self, stored: Callable[[], Contents]) -> Comparison:
        """Ask, and compare: control totals first, then periods, and more of them once something differs.

        Args:
            stored: reads what is stored. It is called after Elexon was asked, so that a day which another run
                replaces meanwhile is compared as it is then.
        """
        self._ask([*self._controls, *self._beside])
        if self._controls and not self._answers:
            # Nobody is there, or nothing is of this one day's totals: one period tells.
            self._ask_periods(self._comparable[:1])
            if not self._answers:
                return self.compare(stored())  # a hundred more questions would not change that
        rng = dice(self._seed, self._day)
        first = first_step(self._sampling, self._comparable, rng)
        # No control total speaks for a period that was not there when the day was stored.
        self._ask_periods(sorted({*first, *self._not_held()} if self._sampling == "controls" else first))
        comparison = self.compare(stored())
        if comparison.differs:
            self._ask_periods(further_step(self._sampling, self._comparable, self._periods, rng))
            comparison = self.compare(stored())
        return comparison

    def look_again(self, stored: Callable[[], Contents], held: DayReading | None) -> Comparison:
        """Ask once more what was asked, and compare, after a repair.

        Args:
            stored: reads what is stored now.
            held: what the archive holds now.
        """
        periods, self._periods = self._periods, []
        self._held = held
        self._answers, self._failures, self._reading = {}, {}, None
        self._ask([*self._controls, *self._beside])
        self._ask_periods(periods)
        return self.compare(stored())

    def not_asked(self, stored: Contents, why: str) -> Comparison:
        """The comparison of a day for which Elexon is not asked at all, and therefore of nothing."""
        return replace(self.compare(stored), unseen=[{"answer": "the whole day", "error": why}])

    def compare(self, stored: Contents) -> Comparison:
        """Compare the answers that came with what is stored."""
        reading = self._read()
        unseen = list(self._unseen(reading, stored))
        silent = dict(self._silent) | self._silent_beside(stored, reading)
        blind = {key.period for key in (*dict(unseen), *silent) if key.period}
        periods = [period for period in self._periods if period not in blind]
        slots = len(periods) * len(self._sides)
        # What a control total does say is compared where it lacks some periods only.
        mute = {key for key in silent if key.side and not self._says_anything(key)}
        there = [k for k in self._controls if k in self._answers and k not in dict(unseen) and k not in mute]
        controls = [key for key in there if key.side in reading.of(_total(key)).rows]
        # What is held of a side that is not asked for is compared with nothing.
        here = {k: bid for k, bid in of_periods(stored.bids, periods).items() if k.stack_side in self._sides}
        source = of_periods(bids_of(reading, self._wind_units), periods)
        moved = {key.settlement_period for key in differing(here, source)}
        with_offers = [p for p in periods if p not in moved and p in stored.turn_up] if "offer" in self._sides else []
        output = _output_pairs(stored, reading) if AGWS.key in self._answers else []
        return Comparison(
            day=self._day,
            sampling=self._sampling,
            seed=self._seed if draws(self._sampling) else None,
            comparable=self._comparable,
            periods=periods,
            stored=here,
            source=source,
            control_differences=list(self._control_differences(stored, reading, controls)),
            compares_controls=bool(controls),
            unseen=[{"answer": str(key), "error": error} for key, error in unseen],
            looked_at=slots + len(controls),
            more_differences=[
                *self._turn_up_differences(stored, reading, with_offers),
                *_output_differences(output),
            ],
            more_looked_at=len(with_offers) + len(output),
            silent=[
                {
                    "answer": str(key),
                    "lacks": f"periods {periods_text(lacks)}" if not key.period else "every acceptance",
                }
                for key, lacks in sorted(silent.items())
            ],
        )

    def archive_agrees(self, comparison: Comparison) -> bool:
        """Whether the archive holds what Elexon answers now: then the stored tables alone are wrong."""
        if self._held is None or comparison.unseen:
            return False
        return not self.compare(_contents(self._held, self._wind_units)).differs

    def _ask(self, keys: Sequence[AnswerKey]) -> None:
        self._reading = None
        for key, answer in (self._client.fetch(list(keys), self._day) if keys else {}).items():
            if isinstance(answer, Answer):
                self._answers[key] = answer
            else:
                self._failures[key] = answer

    def _ask_periods(self, periods: Sequence[int]) -> None:
        self._ask([AnswerKey(STACK.name, side, period) for side in self._sides for period in periods])
        self._periods = sorted({*self._periods, *periods})

    def _read(self) -> DayReading:
        """What the answers so far say, with what is held of those that are silent; read once."""
        if self._reading is None:
            latest = max((answer.fetched_at for answer in self._answers.values()), default=dt.datetime.now(dt.UTC))
            self._reading = read_day(
                self._day,
                self._answers,
                self._failures,
                sides=self._sides,
                now=latest,
                controls_waived=self._controls_waived,
            )
            self._silent = {}
            if self._held is not None:
                self._silent = silent_answers(self._held, self._reading, self._answers)
                self._reading = _with_kept(self._reading, self._held, self._silent)
        return self._reading

    def _silent_beside(self, stored: Contents, reading: DayReading) -> dict[AnswerKey, tuple[int, ...]]:
        """The answers without what is stored, for where nothing is held: of the stack those without an acceptance of
        periods that have stored bids, and wind output that is not known any more.
        """
        had = {(bid.stack_side, bid.settlement_period) for bid in stored.bids if bid.acceptance_id is not None}
        silent: dict[AnswerKey, tuple[int, ...]] = {
            AnswerKey(STACK.name, side, period): (period,)
            for (side, period), look in reading.looks.items()
            if (side, period) in had and (side, period) in reading.rows and not look.acceptance_count
        }
        if AGWS.key in self._answers and reading.of(AGWS).error is None:
            known = {period for period, output in stored.wind_output.items() if _known(output)}
            lacks = known - {period for period, output in _output_now(stored, reading).items() if _known(output)}
            if lacks:
                silent[AGWS.key] = tuple(sorted(lacks))
        return silent

    def _says_anything(self, key: AnswerKey) -> bool:
        if key.period or self._answers[key].status != 200:
            return False
        return bool(_total(key).parse(key, self._day, self._answers[key]))

    def _not_held(self) -> list[int]:
        if self._held is None:
            return []
        return [p for p in self._comparable if not all(self._held.is_present(side, p) for side in self._sides)]

    def _unseen(self, reading: DayReading, stored: Contents) -> Iterable[tuple[AnswerKey, str]]:
        for key in self._controls:
            assert key.side is not None
            if key in self._silent:
                continue
            total = _total(key)
            errors = reading.of(total).errors
            # That a control total does not come has been accepted; where it came before, it is missed all the same.
            accepted = self._controls_waived and total.is_required and not self._was_there(key)
            if key.side in errors and not accepted:
                yield key, errors[key.side]
        error = reading.of(AGWS).error
        if self._beside and error and AGWS.key not in self._silent and any(map(_known, stored.wind_output.values())):
            yield AGWS.key, error
        for side, period in sorted(reading.looks):
            # An answer without rows where none are held is what is stored, whatever its status.
            if (side, period) not in reading.rows:
                yield AnswerKey(STACK.name, side, period), reading.errors[side, period]

    def _was_there(self, key: AnswerKey) -> bool:
        return self._held is not None and key.side in self._held.of(_total(key)).rows

    def _turn_up_differences(
        self, stored: Contents, reading: DayReading, periods: Collection[int]
    ) -> Iterable[dict[str, Any]]:
        now = _turn_up(reading, self._wind_units, periods)
        for period in periods:
            if stored.turn_up[period] != now.get(period):
                yield {
                    "turn_up_of_period": period,
                    "stored": _named(OF_PERIOD, stored.turn_up[period]),
                    "elexon": _named(OF_PERIOD, now.get(period, ())),
                }

    def _control_differences(
        self, stored: Contents, reading: DayReading, controls: Sequence[AnswerKey]
    ) -> Iterable[dict[str, Any]]:
        present = PeriodLook("rows", None)
        looks = (
            self._held.looks
            if self._held is not None
            else {(side, period): present for side in self._sides for period in self._comparable}
        )
        # Over the periods that were there when the day was stored, as the stored totals are.
        now = _contents(replace(reading, looks=looks), self._wind_units)
        for total in control_totals():
            here, there = stored.totals[total.name], now.totals[total.name]
            sides = {key.side for key in controls if key.kind == total.name}
            for side, unit in sorted(here.keys() | there.keys()):
                one, other = here.get((side, unit)), there.get((side, unit))
                if side in sides and one != other:
                    yield {
                        "control_total": total.compared_as,
                        "stack_side": side,
                        "bmu_id": unit,
                        "stored": _written(one),
                        "elexon": _written(other),
                    }


def _with_kept(reading: DayReading, held: DayReading, silent: Mapping[AnswerKey, tuple[int, ...]]) -> DayReading:
    """A reading with what is held in place of what its answers lack."""
    said = dict(reading.said)
    for key, lacks in silent.items():
        if key.side is not None and not key.period:
            total = _total(key)
            said[total.name] = total.with_kept(total.of(said), held.of(total), key.side, lacks)
    return replace(reading, said=said)


def _total(key: AnswerKey) -> ControlTotal[Any]:
    return next(total for total in control_totals() if total.name == key.kind)


def _contents(reading: DayReading, wind_units: Mapping[str, BmUnit]) -> Contents:
    """What a day's answers hold, as ingestion stores it."""
    totals = {total.name: total.totals(reading, wind_units) for total in control_totals()}
    periods = {period for _, period in reading.rows}
    return Contents(
        bids_of(reading, wind_units), totals, _turn_up(reading, wind_units, periods), reading.of(AGWS).by_period
    )


def _turn_up(reading: DayReading, wind_units: Mapping[str, BmUnit], periods: Collection[int]) -> dict[int, Figures]:
    """The walk over the offers of periods with SO-flagged wind bids."""
    wanted = targets(wind_bids(reading, wind_units))
    return {
        period: figures_of(walk(wanted[period], reading.rows.get(("offer", period), ()), wind_units))
        for period in sorted(wanted.keys() & set(periods) & periods_with_offers(reading))
    }


def _known(output: WindOutput) -> bool:
    return output.onshore_mw is not None or output.offshore_mw is not None


class _OutputPair(NamedTuple):
    """Wind output that is known here and there, in MW: what only one of both knows is no difference."""

    period: int
    name: str
    stored: Decimal
    elexon: Decimal


def _output_pairs(stored: Contents, reading: DayReading) -> list[_OutputPair]:
    now = _output_now(stored, reading)
    return [
        _OutputPair(period, name, one, other)
        for period in sorted(stored.wind_output.keys() & now.keys())
        for name in ("onshore_mw", "offshore_mw")
        if (one := getattr(stored.wind_output[period], name)) is not None
        and (other := getattr(now[period], name)) is not None
    ]


def _output_now(stored: Contents, reading: DayReading) -> dict[int, WindOutput]:
    return believed_wind_output(reading.of(AGWS).by_period, {key.settlement_period for key in stored.bids})


def _output_differences(pairs: Iterable[_OutputPair]) -> Iterable[dict[str, Any]]:
    for period, name, one, other in pairs:
        if one != other:
            yield {"wind_output_of_period": period, "kind": name, "stored": f"{one:f}", "elexon": f"{other:f}"}


def _named(names: Sequence[str], figures: Figures) -> dict[str, str]:
    return {name: str(figure) for name, figure in zip(names, figures, strict=bool(figures))}


def _written(amounts: Iterable[Decimal] | None) -> str:
    return "none" if amounts is None else "; ".join(f"{amount:f}" for amount in amounts)


def elexon_not_silent(comparison: Comparison) -> Result:
    """Whether any answer of now lacks rows that are held: that is told, and is no change."""
    answers = [s["answer"] for s in comparison.silent]
    return result(
        c.ELEXON_NOT_SILENT,
        looked_at=comparison.looked_at + len(answers),
        expected="no answer without the rows that are held",
        actual=f"Elexon is silent on {len(answers)} answers that had rows ({_few(answers)}): what is stored stays"
        if answers
        else "none",
        repair=c.ELEXON_NOT_SILENT.repair_of(comparison.day),
        violations=list(comparison.silent),
    )


def offers_and_output_unchanged(comparison: Comparison) -> Result:
    """Whether turn-up and wind output are what Elexon answers now, as far as they were looked at."""
    wrong = comparison.more_differences
    periods = {x["turn_up_of_period"] for x in wrong if "turn_up_of_period" in x}
    output = {x["wind_output_of_period"] for x in wrong if "wind_output_of_period" in x}
    found = [f"{what} in {len(of)} periods" for what, of in (("turn-up", periods), ("wind output", output)) if of]
    return result(
        c.OFFERS_AND_OUTPUT_UNCHANGED,
        looked_at=comparison.more_looked_at,
        expected="the turn-up and the wind output that Elexon's answers give now",
        actual=f"other than stored: {' and '.join(found)}" if found else "no difference",
        repair=c.OFFERS_AND_OUTPUT_UNCHANGED.repair_of(comparison.day),
        violations=wrong,
    )


def _few(answers: Sequence[str]) -> str:
    return ", ".join(answers[:3]) + (f" and {len(answers) - 3} more" if len(answers) > 3 else "")


def source_unchanged(comparison: Comparison) -> Result:
    """Whether what is stored is what Elexon answers now; what could not be looked at counts against it."""
    here, there = (
        amounts_by(bids, lambda key: key.settlement_period) for bids in (comparison.stored, comparison.source)
    )
    periods = sorted({key.settlement_period for key in comparison.differing})
    wrong: list[dict[str, Any]] = [{"could_not_look_at": u["answer"], "error": u["error"]} for u in comparison.unseen]
    wrong += comparison.control_differences
    wrong += [
        {"settlement_period": p, "stored": str(here.get(p, Amounts())), "elexon": str(there.get(p, Amounts()))}
        for p in periods
    ]
    found = [f"{len(comparison.unseen)} answers could not be had"] if comparison.unseen else []
    if periods:
        found.append(_rows_that_differ(comparison, len(periods)))
    if comparison.control_differences:
        found.append(f"{len(comparison.control_differences)} control totals of units differ")
    if comparison.silent:
        found.append(f"{len(comparison.silent)} silent answers left out")
    return result(
        c.SOURCE_UNCHANGED,
        looked_at=comparison.looked_at,
        expected=f"what Elexon answers now: {total(comparison.source)}, {comparison.extent()}",
        actual=f"{total(comparison.stored)} stored; {'; '.join(found) or 'no difference'}",
        repair=(FIX if comparison.differs else VERIFY).over(comparison.day),
        violations=wrong,
    )


def _rows_that_differ(comparison: Comparison, period_count: int) -> str:
    """How many rows have other values, are gone, and are new: a row that has moved is gone here and new there."""
    keys, stored, source = comparison.differing, comparison.stored, comparison.source
    counts = {
        "changed": len(keys & stored.keys() & source.keys()),
        "gone": len(keys - source.keys()),
        "new": len(keys - stored.keys()),
    }
    rows = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    return f"rows: {rows}, in {period_count} periods and {len({key.bmu_id for key in keys})} units"


@dataclass(frozen=True)
class RegisterLook:
    """The wind farms of the versions in force, beside Elexon's register now."""

    in_force: Mapping[str, BmUnit]
    answer: Mapping[str, BmUnit] = field(default_factory=dict)
    error: str | None = None

    def differences(self) -> list[dict[str, Any]]:
        """Wind units that are new, gone, without their fuel type, or of another lead party."""
        return wind_changes(self.in_force, self.answer)


def register_unchanged(look: RegisterLook) -> Result:
    """Whether Elexon's register has the wind farms of the versions in force; unable to look, it fails."""
    wrong = [{"error": look.error}] if look.error else look.differences()
    units = sum(unit.is_wind for unit in look.answer.values())
    return result(
        c.REGISTER_UNCHANGED,
        looked_at=0 if look.error else len(look.in_force.keys() | look.answer.keys()),
        expected=f"the {len(look.in_force)} wind units in force",
        actual=look.error or f"{units} wind units at Elexon; of both, that differ: {len(wrong)}",
        repair=REFRESH_REGISTER,
        violations=wrong,
    )
