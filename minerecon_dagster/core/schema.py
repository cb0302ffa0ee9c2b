"""Elexon's answers as typed rows: what its OpenAPI description promises, and nothing looser.

The Structs mirror the Insights API's description (``SettlementStackResponse``,
``AcceptanceVolumeResponse``, ``IndicativeCashflowResponse``, ``BmUnitData``): every field that it
declares must be there, of its type, and null only where it may be. Anything else is a
`SchemaDriftError`, and the day stops. A field that it does not declare is logged once per process and
ignored.

Energy, prices and cashflows stay the digits that Elexon sent until somebody asks for the `Decimal`: by way of a
float they would not be exact, and most rows are not wind farms'.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import StackSide, period_starts
from minerecon_dagster.core.errors import SchemaDriftError

REGISTER_PATH = "/reference/bmunits/all"

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Instant = Annotated[dt.datetime, Meta(tz=True)]
DecimalText = Annotated[str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""A decimal number in a JSON string, as the register has capacities."""

StackIdentity = tuple[str, int, StackSide, str | None, int | None, int | None, int]
"""Settlement date, period, side, BM unit, acceptance, bid-offer pair, sequence number."""


class StackRow(Struct, frozen=True, gc=False, rename="camel"):
    """A row of the settlement stack (ISPSTACK): an acceptance and a bid-offer pair, or an adjustment.

    Always a `BidRow` or an `OfferRow`. ``*_digits`` are the JSON numbers as they came.
    """

    side: ClassVar[StackSide]

    settlement_date: str
    settlement_period: Int32
    start_time: str
    created_date_time: Instant | None
    sequence_number: Int32
    id: str | None
    acceptance_id: Int64 | None
    bid_offer_pair_id: Int32 | None
    cadl_flag: bool | None
    so_flag: bool | None
    stor_provider_flag: bool | None
    repriced_indicator: bool
    reserve_scarcity_price: float | None
    original_price_digits: Raw = field(name="originalPrice")
    volume_digits: Raw = field(name="volume")
    dmat_adjusted_volume: float | None
    arbitrage_adjusted_volume: float | None
    niv_adjusted_volume: float | None
    par_adjusted_volume: float | None
    final_price_digits: Raw = field(name="finalPrice")
    transmission_loss_multiplier: float | None
    tlm_adjusted_volume: float | None
    tlm_adjusted_cost: float | None

    @property
    def volume(self) -> Decimal:
        """Accepted energy in MWh, exact: negative for bids."""
        return Decimal(str(self.volume_digits, "ascii"))

    @property
    def original_price(self) -> Decimal | None:
        """The bid's or offer's price in £/MWh, exact; None where Elexon has none."""
        return _decimal_or_none(self.original_price_digits)

    @property
    def final_price(self) -> Decimal | None:
        """The price after tagging in £/MWh, exact; None where Elexon has none."""
        return _decimal_or_none(self.final_price_digits)

    @property
    def is_reduction(self) -> bool:
        """Whether the row asks for less generation: a negative volume, on either side."""
        return bytes(self.volume_digits).startswith(b"-") and _is_not_zero(self.volume_digits)

    @property
    def is_acceptance(self) -> bool:
        """Whether the row is of a unit's acceptance, as BOAV and EBOCF list them.

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


class PairAmounts(Struct, frozen=True, gc=False):
    """Energy in MWh, or money in GBP, per bid-offer pair (``DerivedDataBidOfferPairs``)."""

    negative1: float | None
    positive1: float | None
    negative2: float | None
    positive2: float | None
    negative3: float | None
    positive3: float | None
    negative4: float | None
    positive4: float | None
    negative5: float | None
    positive5: float | None
    negative6: float | None
    positive6: float | None


class BoavRow(Struct, frozen=True, gc=False, rename="camel"):
    """A row of the accepted volumes (BOAV): one acceptance of one unit in one period."""

    created_date_time: Instant
    settlement_date: str
    settlement_period: Int32
    start_time: str
    bm_unit: str | None
    bm_unit_type: str
    lead_party_name: str | None
    national_grid_bm_unit: str | None
    acceptance_id: Int64
    acceptance_duration: str | None
    total_volume_accepted_digits: Raw = field(name="totalVolumeAccepted")
    pair_volumes: PairAmounts

    @property
    def total_volume_accepted(self) -> Decimal | None:
        """Accepted energy in MWh, exact: negative for bids; None where Elexon has none."""
        return _decimal_or_none(self.total_volume_accepted_digits)

    @property
    def has_volume(self) -> bool:
        """Whether any energy was accepted."""
        return self.total_volume_accepted_digits != b"null" and _is_not_zero(self.total_volume_accepted_digits)


class EbocfRow(Struct, frozen=True, gc=False, rename="camel"):
    """A row of the indicative cashflows (EBOCF): one unit in one period, all its acceptances together."""

    created_date_time: Instant | None
    settlement_date: str
    settlement_period: Int32
    start_time: str
    bm_unit: str | None
    bm_unit_type: str
    lead_party_name: str | None
    national_grid_bm_unit: str | None
    total_cashflow_digits: Raw = field(name="totalCashflow")
    bid_offer_pair_cashflows: PairAmounts

    @property
    def total_cashflow(self) -> Decimal:
        """Cashflow in GBP, exact: positive where the unit is paid, as a negative volume at a negative price is."""
        return Decimal(str(self.total_cashflow_digits, "ascii"))

    @property
    def has_cashflow(self) -> bool:
        """Whether any money flows."""
        return _is_not_zero(self.total_cashflow_digits)


class AgwsRow(Struct, frozen=True, gc=False, rename="camel"):
    """A row of the wind and solar output (AGWS): one kind of generation in one period."""

    publish_time: Instant
    business_type: str | None
    psr_type: str | None
    quantity_digits: Raw = field(name="quantity")
    start_time: str
    settlement_date: str
    settlement_period: Int32

    @property
    def quantity_mw(self) -> Decimal:
        """Mean output over the period in MW, exact."""
        return Decimal(str(self.quantity_digits, "ascii"))


class RegisterUnit(Struct, frozen=True, gc=False, rename="camel"):
    """A BM unit of the register (``BmUnitData``), with two fields that Elexon sends beyond its description."""

    national_grid_bm_unit: str | None
    elexon_bm_unit: str | None
    eic: str | None
    fuel_type: str | None
    lead_party_name: str | None
    bm_unit_type: str | None
    fpn_flag: bool | None
    bm_unit_name: str | None = None
    generation_capacity: DecimalText | None = None

    @property
    def generation_capacity_mw(self) -> Decimal | None:
        """Generation capacity in MW; None where Elexon has none."""
        return None if self.generation_capacity is None else Decimal(self.generation_capacity)


def parse_stack(key: AnswerKey, day: dt.date, answer: Answer) -> list[StackRow]:
    """The rows of one period of the settlement stack.

    Args:
        key: which side and period was asked for.
        day: the settlement date that was asked for.
        answer: HTTP 404 and a list that is empty or null both mean no rows.

    Raises:
        SchemaDriftError: the answer is not what Elexon's description says, or of another day or period.
    """
    assert key.side is not None
    return _parse(_STACK[key.side], key, day, (key.period,), answer)


def parse_boav(key: AnswerKey, day: dt.date, answer: Answer) -> list[BoavRow]:
    """The rows of a whole day's accepted volumes; arguments and errors as `parse_stack` has them."""
    return _parse(_BOAV, key, day, range(1, len(period_starts(day)) + 1), answer)


def parse_cashflows(key: AnswerKey, day: dt.date, answer: Answer) -> list[EbocfRow]:
    """The rows of a whole day's indicative cashflows; arguments and errors as `parse_stack` has them."""
    return _parse(_EBOCF, key, day, range(1, len(period_starts(day)) + 1), answer)


def parse_agws(key: AnswerKey, day: dt.date, answer: Answer) -> list[AgwsRow]:
    """The rows of a whole day's wind and solar output; arguments and errors as `parse_stack` has them."""
    return _parse(_AGWS, key, day, range(1, len(period_starts(day)) + 1), answer)


def parse_register(body: bytes) -> list[RegisterUnit]:
    """The units of the register, as they stand there: repeated, or without an id.

    Raises:
        SchemaDriftError: ``body`` is not what Elexon's description says.
    """
    try:
        units = msgspec.json.decode(body, type=list[RegisterUnit])
    except msgspec.DecodeError as error:
        raise _drift(REGISTER_PATH, str(error)) from None
    _log_undeclared(REGISTER_PATH, body, _declared(RegisterUnit) | REGISTER_FIELDS_NOT_USED)
    return units


def distinct_rows(rows: Iterable[StackRow]) -> tuple[list[StackRow], int]:
    """Each row once, in order, and how many repeated another one in every field.

    Raises:
        SchemaDriftError: two rows have the same identity and differ in anything else.
    """
    first: dict[StackIdentity, StackRow] = {}
    repeated = 0
    for row in rows:
        known = first.setdefault(row.identity, row)
        if known is not row:
            if differing := [name for name, value in _values(row) if value != dict(_values(known))[name]]:
                raise SchemaDriftError(
                    f"settlement stack: two rows are {_written(row.identity)} and differ in {', '.join(differing)}; "
                    "the day is not replaced: if asking again shows the same, widen StackRow.identity in core/schema.py"
                )
            repeated += 1
    return list(first.values()), repeated


REGISTER_FIELDS_NOT_USED = frozenset(
    {
        "creditQualifyingStatus",
        "demandCapacity",
        "demandInProductionFlag",
        "gspGroupId",
        "gspGroupName",
        "interconnectorId",
        "leadPartyId",
        "nonWorkingDayCreditAssessmentExportCapability",
        "nonWorkingDayCreditAssessmentImportCapability",
        "productionOrConsumptionFlag",
        "transmissionLossFactor",
        "workingDayCreditAssessmentExportCapability",
        "workingDayCreditAssessmentImportCapability",
    }
)
"""Sent with every unit although Elexon's description lacks them: no news, so not logged."""


class _Metadata(Struct, frozen=True):
    datasets: list[str] | UnsetType | None = UNSET


Row = TypeVar("Row", StackRow, BoavRow, EbocfRow, AgwsRow)


class _Shape(Generic[Row]):
    """How one kind of answer is decoded.

    Args:
        row: type of its rows.
        digits: the fields of ``row`` that are digits, and the decoder that says whether they are.
    """

    def __init__(self, row: type[Row], digits: dict[str, msgspec.json.Decoder[Any]]) -> None:
        self.digits = digits
        self.declared = _declared(row) | _declared(PairAmounts) | _declared(_Metadata) | {"data", "metadata"}
        pairs = {f.name: _strict(PairAmounts) for f in msgspec.structs.fields(row) if f.type is PairAmounts}
        self.decoder = _envelope_decoder(row, _Metadata, strict=False)
        self.strict_decoder = _envelope_decoder(_strict(row, **pairs), _strict(_Metadata), strict=True)


def _declared(struct: type[Struct]) -> frozenset[str]:
    return frozenset(f.encode_name for f in msgspec.structs.fields(struct))


def _strict(struct: type[Struct], **fields: type) -> type[Struct]:
    """``struct`` again, refusing what it does not declare, with some fields' types replaced."""
    return msgspec.defstruct(
        struct.__name__,
        list(fields.items()),
        bases=(struct,),
        forbid_unknown_fields=True,
        frozen=True,
        gc=False,
        rename="camel",
    )


def _envelope_decoder(row: type[Struct], metadata: type[Struct], *, strict: bool) -> msgspec.json.Decoder[Any]:
    # A missing ``metadata`` is no drift: an answer without rows is observed as a bare {"data": []}.
    members: list[Any] = [("data", list[row] | None), ("metadata", metadata | UnsetType, UNSET)]  # type: ignore[valid-type]
    return msgspec.json.Decoder(msgspec.defstruct("Envelope", members, forbid_unknown_fields=strict))


_NUMBERS = msgspec.json.Decoder(list[float])
_NUMBERS_OR_NULLS = msgspec.json.Decoder(list[float | None])
_STACK_DIGITS: dict[str, msgspec.json.Decoder[Any]] = {
    "volume_digits": _NUMBERS,
    "original_price_digits": _NUMBERS_OR_NULLS,
    "final_price_digits": _NUMBERS_OR_NULLS,
}
_STACK: dict[StackSide, _Shape[StackRow]] = {
    "bid": _Shape(BidRow, _STACK_DIGITS),
    "offer": _Shape(OfferRow, _STACK_DIGITS),
}
_BOAV = _Shape(BoavRow, {"total_volume_accepted_digits": _NUMBERS_OR_NULLS})
_EBOCF = _Shape(EbocfRow, {"total_cashflow_digits": _NUMBERS})
_AGWS = _Shape(AgwsRow, {"quantity_digits": _NUMBERS})


def _parse(shape: _Shape[Row], key: AnswerKey, day: dt.date, periods: Sequence[int], answer: Answer) -> list[Row]:
    if answer.status == 404:
        return []
    where = f"{key}: GET {answer.url}"
    try:
        try:
            rows: list[Row] = shape.strict_decoder.decode(answer.body).data or []
        except msgspec.ValidationError:
            # Either a field more, which is let pass, or drift, which the decoder that lets it pass finds again.
            rows = shape.decoder.decode(answer.body).data or []
            _log_undeclared(where, answer.body, shape.declared)
        _check_digits(shape, rows)
        _check_periods(rows, day, periods)
    except msgspec.DecodeError as error:
        raise _drift(where, str(error)) from None
    return rows


def _check_digits(shape: _Shape[Row], rows: Sequence[Row]) -> None:
    """Raise msgspec.ValidationError where a ``Raw`` is no number: msgspec takes anything for it."""
    for name, decoder in shape.digits.items():
        try:
            decoder.decode(b"[%b]" % b",".join([getattr(row, name) for row in rows]))
        except msgspec.DecodeError as error:
            declared = next(f.encode_name for f in msgspec.structs.fields(type(rows[0])) if f.name == name)
            # The list of one field's values is ours; the reader wants the place in Elexon's answer.
            raise msgspec.ValidationError(re.sub(r"\$(\[\d+\])", rf"$.data\1.{declared}", str(error))) from None


def _check_periods(rows: Sequence[Row], day: dt.date, periods: Sequence[int]) -> None:
    """Raise msgspec.ValidationError where a row is not of the day, or of none of ``periods``."""
    starts = period_starts(day)
    asked = str(day)
    seen: set[tuple[str, int, str]] = set()
    for index, row in enumerate(rows):
        stamp = (row.settlement_date, row.settlement_period, row.start_time)
        if stamp in seen:
            continue
        date, period, start_time = stamp
        if date != asked:
            raise msgspec.ValidationError(f"{date!r} is not the day asked for - at `$.data[{index}].settlementDate`")
        if period not in periods or not 1 <= period <= len(starts):
            raise msgspec.ValidationError(f"{period} is not a period asked for - at `$.data[{index}].settlementPeriod`")
        try:
            start = msgspec.convert(start_time, Instant)
        except msgspec.ValidationError as error:
            raise msgspec.ValidationError(f"{error} - at `$.data[{index}].startTime`") from None
        if start != starts[period - 1]:
            raise msgspec.ValidationError(
                f"{start_time!r} is not the start of period {period}, {starts[period - 1].isoformat()}"
                f" - at `$.data[{index}].startTime`"
            )
        seen.add(stamp)


def _drift(where: str, problem: str) -> SchemaDriftError:
    return SchemaDriftError(
        f"{where}: not what Elexon's API description says: {problem}; nothing is replaced: "
        "compare the answer with Elexon's API description and adapt core/schema.py"
    )


def _decimal_or_none(digits: Raw) -> Decimal | None:
    text = str(digits, "ascii")
    return None if text == "null" else Decimal(text)


def _is_not_zero(digits: Raw) -> bool:
    """Whether a JSON number is not zero; of thousands of rows only a few are worth a `Decimal`."""
    mantissa = bytes(digits).lower().partition(b"e")[0]
    return mantissa.strip(b"-0.") != b""


def _values(row: StackRow) -> Iterator[tuple[str, Any]]:
    """Every field by Elexon's name; numbers as numbers, since 1.0 and 1.00 are the same to Elexon."""
    for f in msgspec.structs.fields(type(row)):
        value = getattr(row, f.name)
        yield f.encode_name, _decimal_or_none(value) if isinstance(value, Raw) else value


def _written(identity: StackIdentity) -> str:
    date, period, side, bmu_id, acceptance_id, pair_id, sequence_number = identity
    return (
        f"{date} period {period} {side} {bmu_id} (acceptance {acceptance_id}, pair {pair_id}, "
        f"sequence number {sequence_number})"
    )


_log = logging.getLogger(__name__)
_logged: set[str] = set()


def _log_undeclared(where: str, body: bytes, declared: frozenset[str]) -> None:
    for name in sorted(set(_member_names(msgspec.json.decode(body))) - declared - _logged):
        _logged.add(name)
        _log.warning("%s has a field that Elexon's API description lacks, %r; it is ignored", where, name)


def _member_names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _member_names(member)
    elif isinstance(value, list):
        for member in value:
            yield from _member_names(member)
