"""The settlement stack (ISPSTACK): every action of a settlement period and side, the rows that curtailment is."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Raw, Struct
from msgspec import field as json_field
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import StackSide, period_count, period_starts
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.errors import SchemaDriftError
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.potential import DayVolumes, Volumes
from minerecon_dagster.core.repairs import REFETCH
from minerecon_dagster.core.schema import (
    NUMBERS,
    NUMBERS_OR_NULLS,
    Int32,
    Int64,
    Name,
    Shape,
    decimal_of,
    decimal_or_none,
    decimals_of,
    file_of,
    is_negative,
    parse_rows,
)
from minerecon_dagster.core.schema import (
    Instant as ElexonInstant,
)
from minerecon_dagster.core.states import Slot
from minerecon_dagster.elexon.datasets.base import GBP_DIGITS, MWH_DIGITS, Came, DayDataset, Said, rounded
from minerecon_dagster.warehouse.copying import NULL, copy_field, copy_lines, copy_text
from minerecon_dagster.warehouse.tables import (
    Instant,
    metadata,
    period_range,
    settlement_period,
    side_names,
    stack_side,
)

if TYPE_CHECKING:  # these go through the datasets, and are only named here
    from psycopg2.extensions import cursor as PostgresCursor  # noqa: N812 - a class of that name

    from minerecon_dagster.core.register import BmUnit
    from minerecon_dagster.day.worker import BuiltDay
    from minerecon_dagster.elexon.reading import DayReading
    from minerecon_dagster.sample.ask import Asked
    from minerecon_dagster.sample.generate import SampleWorld

BIDS_ARE_PRICED = Property(
    "money",
    "bids_are_priced",
    "WARN",
    "Every accepted wind bid has a price; energy without one is in no payment.",
    REFETCH.left_to_a_person(),
)
PRICES_BELOW_LIMIT = Property(
    "money",
    "prices_below_limit",
    "WARN",
    "No accepted wind bid has a price at or beyond GBP 99,999/MWh, up or down: Elexon's limit, which no farm means. "
    "The payment is in the sums, whatever the cashflows (EBOCF) say of it.",
    REFETCH.left_to_a_person(),
)
PRICE_LIMIT_GBP_PER_MWH = Decimal(99_999)
"""Elexon's limit of a bid or offer price, up and down (Balancing and Settlement Code, section T)."""

StackIdentity = tuple[str, int, StackSide, str | None, int | None, int | None, int]
"""Settlement date, period, side, BM unit, acceptance, bid-offer pair, sequence number."""


_price = lru_cache(maxsize=8_192)(decimal_or_none)
"""A price by its digits: of a day's thousands most were seen before, as a unit has few."""


class StackRow(Struct, frozen=True, gc=False, rename="camel"):
    """A row of the settlement stack (ISPSTACK): an acceptance and a bid-offer pair, or an adjustment.

    Always a `BidRow` or an `OfferRow`. ``*_digits`` are the JSON numbers as they came.
    """

    side: ClassVar[StackSide]

    settlement_date: str
    settlement_period: Int32
    start_time: str
    created_date_time: ElexonInstant | None
    sequence_number: Int32
    id: Name | None
    acceptance_id: Int64 | None
    bid_offer_pair_id: Int32 | None
    cadl_flag: bool | None
    so_flag: bool | None
    stor_provider_flag: bool | None
    repriced_indicator: bool
    reserve_scarcity_price: float | None
    original_price_digits: Raw = json_field(name="originalPrice")
    volume_digits: Raw = json_field(name="volume")
    dmat_adjusted_volume: float | None
    arbitrage_adjusted_volume: float | None
    niv_adjusted_volume: float | None
    par_adjusted_volume: float | None
    final_price_digits: Raw = json_field(name="finalPrice")
    transmission_loss_multiplier: float | None
    tlm_adjusted_volume: float | None
    tlm_adjusted_cost: float | None

    @property
    def volume(self) -> Decimal:
        """Accepted energy in MWh, exact: negative for bids."""
        return decimal_of(self.volume_digits)

    @property
    def original_price(self) -> Decimal | None:
        """The bid's or offer's price in £/MWh, exact; None where Elexon has none."""
        return _price(bytes(self.original_price_digits))

    @property
    def final_price(self) -> Decimal | None:
        """The price after tagging in £/MWh, exact; None where Elexon has none."""
        return decimal_or_none(self.final_price_digits)

    @property
    def is_reduction(self) -> bool:
        """Whether the row asks for less generation: a negative volume, on either side."""
        return is_negative(self.volume_digits)

    @property
    def is_acceptance(self) -> bool:
        """Whether the row is of a unit's acceptance, as the control totals list them.

        Rows with a numeric id or none are adjustment actions outside the Balancing Mechanism (DISBSAD).
        """
        return self.acceptance_id is not None and self.id is not None and not self.id.isdigit()

    @property
    def identity(self) -> StackIdentity:
        """What tells rows apart. Any narrower key loses rows: a unit rightly has several in one period."""
        return (
            self.settlement_date,
            self.settlement_period,
            self.side,
            self.id,
            self.acceptance_id,
            self.bid_offer_pair_id,
            self.sequence_number,
        )


class BidRow(StackRow, frozen=True, gc=False, rename="camel"):
    """A row of the bid stack."""

    side: ClassVar[StackSide] = "bid"


class OfferRow(StackRow, frozen=True, gc=False, rename="camel"):
    """A row of the offer stack."""

    side: ClassVar[StackSide] = "offer"


class WindBid(Struct, frozen=True, gc=False):
    """A row of the stack that is curtailment, with its numbers: exact, and made once for all that reckon with them.

    Args:
        row: the row as it came.
        id, acceptance_id, so_flag: of the row.
        volume: MWh, negative.
        original_price: GBP/MWh; None where Elexon has none.
    """

    row: StackRow
    id: str
    acceptance_id: int | None
    so_flag: bool | None
    volume: Decimal
    original_price: Decimal | None


Bid = tuple[StackSide, int, WindBid]
"""An accepted wind bid with its side and settlement period."""

curtailment_records = Table(
    "curtailment_records",
    metadata,
    *settlement_period(),
    stack_side(),
    Column("bmu_id", Text, nullable=False, comment="BM unit, as in T_SGRWO-1."),
    Column("acceptance_id", BigInteger, comment="Elexon's number of the bid-offer acceptance; NULL where it has none."),
    Column("bid_offer_pair_id", SmallInteger, comment="Bid-offer pair; NULL where Elexon gives none."),
    Column("sequence_number", Integer, nullable=False, comment="Place of the row in the stack of its period."),
    Column("lead_party_name", Text, comment="Lead party of the unit, from the register version in force."),
    Column("volume_mwh", Numeric, nullable=False, comment="Accepted volume in MWh as Elexon has it: negative."),
    Column(
        "curtailed_mwh",
        Numeric,
        Computed("-volume_mwh", persisted=True),
        nullable=False,
        comment="Energy not generated, in MWh: minus volume_mwh.",
    ),
    Column(
        "original_price_gbp_per_mwh",
        Numeric,
        comment="Price of the bid in GBP/MWh; negative: the farm is paid. NULL where Elexon gives none.",
    ),
    Column("final_price_gbp_per_mwh", Numeric, comment="Price in GBP/MWh after Elexon's tagging; often NULL."),
    Column(
        "payment_gbp",
        Numeric,
        Computed("volume_mwh * original_price_gbp_per_mwh", persisted=True),
        comment="Payment to the farm in GBP: volume × original price, negative where the farm pays; NULL "
        "without a price.",
    ),
    Column("so_flag", Boolean, comment="Taken for system reasons: the headline counts these. NULL as Elexon has it."),
    Column(
        "cadl_flag", Boolean, comment="Shorter than the continuous acceptance duration limit. NULL as Elexon has it."
    ),
    Column("elexon_created_at", Instant, comment="When Elexon's settlement run made the row."),
    UniqueConstraint(
        "settlement_date",
        "settlement_period",
        "stack_side",
        "bmu_id",
        "acceptance_id",
        "bid_offer_pair_id",
        "sequence_number",
        name="curtailment_records_identity_key",
        postgresql_nulls_not_distinct=True,
    ),
    CheckConstraint("volume_mwh < 0", name="volume_negative"),
    period_range(),
    side_names(),
    comment="Accepted wind bids: a row of Elexon's settlement stack each, both flags; the headline counts so_flag.",
)


_DIGITS: dict[str, msgspec.json.Decoder[Any]] = {
    "volume_digits": NUMBERS,
    "original_price_digits": NUMBERS_OR_NULLS,
    "final_price_digits": NUMBERS_OR_NULLS,
}
_SHAPES: dict[StackSide, Shape[Any]] = {"bid": Shape(BidRow, _DIGITS), "offer": Shape(OfferRow, _DIGITS)}
_FLAGS = {None: NULL, True: "t", False: "f"}


@dataclass(frozen=True)
class StackSaid(Said):
    """The rows of the stack.

    Args:
        rows: of any unit by period and side, each once.
        errors: what went wrong, by period and side.
        duplicate_count: rows that repeated another in everything, and were dropped.
    """

    rows: Mapping[Slot, list[StackRow]] = field(default_factory=dict)
    errors: Mapping[Slot, str] = field(default_factory=dict)
    duplicate_count: int = 0

    @property
    def answer_count(self) -> int:
        return 0  # each of its answers is looked at by itself


class Stack(DayDataset[StackSaid]):
    """The settlement stack: an answer for each period and side."""

    name = "stack"
    report = "ISPSTACK"
    source = "Elexon's settlement stack (ISPSTACK)"
    is_required = True
    has_side = True
    has_period = True
    table = curtailment_records
    columns = (
        "settlement_date", "settlement_period", "start_time", "stack_side", "bmu_id", "acceptance_id",
        "bid_offer_pair_id", "sequence_number", "lead_party_name", "volume_mwh", "original_price_gbp_per_mwh",
        "final_price_gbp_per_mwh", "so_flag", "cadl_flag", "elexon_created_at",
    )  # fmt: skip
    group = "curtailment"
    properties = (BIDS_ARE_PRICED, PRICES_BELOW_LIMIT)

    def keys(self, sides: Collection[StackSide], periods: Iterable[int]) -> list[AnswerKey]:
        of_day = list(periods)
        return [AnswerKey(self.name, side, period) for side in sides for period in of_day]

    def path(self, key: AnswerKey, day: dt.date) -> str:
        return f"/balancing/settlement/stack/all/{key.side}/{day}/{key.period}"

    def sample(self, world: SampleWorld, asked: Asked) -> list[dict[str, Any]] | None:
        match = asked.matches("balancing/settlement/stack/all/*/*/*")
        if match is None:
            return None
        side, date, period = match
        day, asked_side = asked.day(date), asked.side(side)
        return world.stack(day, asked_side, asked.period(day, period))

    def parse(self, key: AnswerKey, day: dt.date, answer: Answer) -> list[StackRow]:
        """The rows of one period and side; arguments and errors as `parse_rows` has them."""
        assert key.side is not None
        rows: list[StackRow] = parse_rows(_SHAPES[key.side], key, day, answer, (key.period,))
        return rows

    def read(self, came: Came) -> StackSaid:
        rows: dict[Slot, list[StackRow]] = {}
        errors: dict[Slot, str] = {}
        duplicates = 0
        for key in self.keys(came.sides, range(1, period_count(came.day) + 1)):
            assert key.side is not None
            slot = key.side, key.period
            if key in came.failures:
                errors[slot] = str(came.failures[key])
            if key in came.failures or key not in came.answers:
                continue
            try:
                rows[slot], repeated = distinct_rows(self.parse(key, came.day, came.answers[key]))
                duplicates += repeated
            except SchemaDriftError as error:
                errors[slot] = str(error)
        kept = {key: (key.period,) for key in came.silent if key.kind == self.name}
        return StackSaid(rows, errors, duplicates, kept=kept)

    def lacks(self, key: AnswerKey, answer: Answer, held: DayReading, now: DayReading) -> set[int]:
        assert key.side is not None
        slot = key.side, key.period
        was, look = held.looks.get(slot), now.looks.get(slot)
        gone = was and look and slot in now.rows and was.acceptance_count and not look.acceptance_count
        return {key.period} if gone else set()

    def check(self, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]) -> list[Result]:
        return [bids_are_priced(reading, bids), prices_below_limit(reading, bids)]

    def rows(
        self, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]
    ) -> Iterable[tuple[object, ...]]:
        raise NotImplementedError  # `write` copies lines, without an object for each row

    def write(
        self, many: PostgresCursor, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]
    ) -> None:
        copy_lines(many, self.table.fullname, self.columns, _copy_lines(reading.day, bids, wind_units))

    def metadata(self, built: BuiltDay) -> dict[str, Any]:
        f = built.figures
        return {
            "rows": f.record_count,
            "so_flagged_rows": f.so_record_count,
            "all_bids_mwh": rounded(f.all_bids_mwh, MWH_DIGITS),
            "all_bids_payment_gbp": rounded(f.all_bids_payment_gbp, GBP_DIGITS),
            "uncounted_units_mwh": {u.bmu_id: rounded(u.mwh, MWH_DIGITS) for u in built.uncounted.units},
        }


STACK = Stack()


_identity_on_a_side = attrgetter(
    "settlement_date", "settlement_period", "id", "acceptance_id", "bid_offer_pair_id", "sequence_number"
)


def distinct_rows(rows: Iterable[StackRow]) -> tuple[list[StackRow], int]:
    """Each row once, in order, and how many repeated another one in every field.

    Raises:
        SchemaDriftError: two rows have the same identity and differ in anything else.
    """
    rows = list(rows)
    if len(set(map(_identity_on_a_side, rows))) == len(rows):
        return rows, 0  # as a rule
    first: dict[StackIdentity, StackRow] = {}
    repeated = 0
    for row in rows:
        known = first.setdefault(row.identity, row)
        if known is not row:
            if differing := [name for name, value in _values(row) if value != dict(_values(known))[name]]:
                raise SchemaDriftError(
                    f"settlement stack: two rows are {_written(row.identity)} and differ in {', '.join(differing)}; "
                    "the day is not replaced: if asking again shows the same, widen StackRow.identity in "
                    f"{file_of(__name__)}"
                )
            repeated += 1
    return list(first.values()), repeated


def _values(row: StackRow) -> Iterator[tuple[str, Any]]:
    """Every field by Elexon's name; numbers as numbers, since 1.0 and 1.00 are the same to Elexon."""
    for f in msgspec.structs.fields(type(row)):
        value = getattr(row, f.name)
        yield f.encode_name, decimal_or_none(value) if isinstance(value, Raw) else value


def _written(identity: StackIdentity) -> str:
    date, period, side, bmu_id, acceptance_id, pair_id, sequence_number = identity
    return (
        f"{date} period {period} {side} {bmu_id} (acceptance {acceptance_id}, pair {pair_id}, "
        f"sequence number {sequence_number})"
    )


def wind_bids(reading: DayReading, wind_units: Collection[str]) -> Iterator[Bid]:
    """The rows that are curtailment: of a wind unit, with a negative volume, on either side."""
    for (side, period), rows in sorted(reading.reductions.items(), key=lambda item: (item[0][0], item[0][1])):
        for unit, row, volume in volumes_of(rows, wind_units):
            yield side, period, WindBid(row, unit, row.acceptance_id, row.so_flag, volume, row.original_price)


_id, _volume_digits = attrgetter("id"), attrgetter("volume_digits")


def volumes_of(rows: Iterable[StackRow], units: Collection[str]) -> Iterator[tuple[str, StackRow, Decimal]]:
    """Those of ``rows`` that are of one of ``units``, in their order: the unit, the row and its MWh."""
    of_units = [row for row in rows if row.id in units]
    return zip(map(_id, of_units), of_units, decimals_of(map(_volume_digits, of_units)), strict=True)


def wind_volumes(reading: DayReading, bids: Iterable[Bid], wind_units: Collection[str]) -> DayVolumes:
    """What was accepted of wind units by period, in MWh.

    Args:
        reading: the day.
        bids: its accepted wind bids, on either side.
        wind_units: the wind farms whose these are; all else that was accepted of them are offers.
    """
    found: dict[tuple[str, int], Volumes] = defaultdict(Volumes)
    with localcontext(EXACT):
        for _, period, bid in bids:
            of_unit = found[bid.id, period]
            of_unit.bids += bid.volume
            if bid.so_flag:
                of_unit.so_bids += bid.volume
        for (_, period), rows in reading.rows.items():
            for row in rows:
                if row.id in wind_units and row.id is not None and not row.is_reduction:
                    found[row.id, period].offers += row.volume
    return DayVolumes(dict(found), has_offers="offer" in reading.sides)


def bids_are_priced(reading: DayReading, bids: Iterable[Bid]) -> Result:
    """Find accepted wind bids without a price: their energy is counted, and in no payment."""
    without = [
        {"stack_side": side, "settlement_period": period, "bmu_id": row.id, "volume_mwh": str(row.volume)}
        for side, period, row in bids
        if row.original_price is None
    ]
    return result(
        BIDS_ARE_PRICED,
        looked_at=len(reading.rows),
        expected="a price on every bid",
        actual=f"{len(without)} without",
        repair=REFETCH.over(reading.day),
        violations=without,
    )


def prices_below_limit(reading: DayReading, bids: Iterable[Bid]) -> Result:
    """Find accepted wind bids with a price at or beyond Elexon's limit, whatever the control totals say."""
    beyond = [
        (side, period, row, price)
        for side, period, row in bids
        if (price := row.original_price) is not None and abs(price) >= PRICE_LIMIT_GBP_PER_MWH
    ]
    with localcontext(EXACT):
        payments = [row.volume * price for _, _, row, price in beyond]
        mwh, gbp = -sum((row.volume for _, _, row, _ in beyond), Decimal()), sum(payments, Decimal())
    first = ", ".join(f"{row.id} in period {period} at £{price:,}/MWh" for _, period, row, price in beyond[:3])
    return result(
        PRICES_BELOW_LIMIT,
        looked_at=len(reading.rows),
        expected=f"every price between -£{PRICE_LIMIT_GBP_PER_MWH:,} and £{PRICE_LIMIT_GBP_PER_MWH:,}/MWh",
        actual=f"{len(beyond)} bids at it or beyond, {mwh:,.3f} MWh, £{gbp:,.2f}: {first}" if beyond else "all are",
        repair=REFETCH.over(reading.day),
        violations=[
            {
                "stack_side": side,
                "settlement_period": period,
                "bmu_id": row.id,
                "price_gbp_per_mwh": str(price),
                "volume_mwh": str(row.volume),
                "payment_gbp": str(payment),
            }
            for (side, period, row, price), payment in zip(beyond, payments, strict=True)
        ],
    )


def _digits(rows: Iterable[StackRow], name: str) -> list[str]:
    """A JSON number of each of ``rows`` as PostgreSQL takes it: by its own digits."""
    return str(b",".join(map(attrgetter(name), rows)), "ascii").replace("null", NULL).split(",")


def _whole(number: int | None) -> str:
    return NULL if number is None else str(number)


def _copy_lines(day: dt.date, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]) -> Iterator[str]:
    if not bids:
        return
    # What a period's or a unit's rows have in common is written once: a windy day has 3,000 rows.
    starts = [start.isoformat() for start in period_starts(day)]
    parties = {bmu_id: copy_field(unit.lead_party_name) for bmu_id, unit in wind_units.items()}
    ids = {bmu_id: copy_text(bmu_id) for bmu_id in wind_units}
    rows = [bid.row for _, _, bid in bids]
    numbers = ("volume_digits", "original_price_digits", "final_price_digits")
    digits = zip(*(_digits(rows, name) for name in numbers), strict=True)
    of: tuple[StackSide, int] | None = None
    made_at, made = None, NULL
    for (side, period, bid), (volume, original_price, final_price) in zip(bids, digits, strict=True):
        row = bid.row
        if of != (side, period):
            of = side, period
            begin = f"{day}\t{period}\t{starts[period - 1]}\t{side}\t"
        if row.created_date_time != made_at:
            made_at = row.created_date_time
            made = copy_field(made_at)
        bmu_id = bid.id
        yield (
            f"{begin}{ids[bmu_id]}\t{_whole(row.acceptance_id)}\t{_whole(row.bid_offer_pair_id)}\t"
            f"{row.sequence_number}\t{parties[bmu_id]}\t{volume}\t{original_price}\t{final_price}\t"
            f"{_FLAGS[row.so_flag]}\t{_FLAGS[row.cadl_flag]}\t{made}\n"
        )
