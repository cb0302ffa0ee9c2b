"""Elexon's answers as typed rows: what its OpenAPI description promises, and nothing looser.

What every dataset's rows share (`elexon.datasets` has their types), and the register of BM units. The Structs mirror
the Insights API's description: every field that it declares must be there, of its type, and null only where it may be.
Anything else is a `SchemaDriftError`, and the day stops. A field that it does not declare is logged once per process
and ignored.

Energy, prices and money stay the digits that Elexon sent until somebody asks for the `Decimal`: by way of a float they
would not be exact, and most rows are not wind farms'.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import period_starts
from minerecon_dagster.core.errors import SchemaDriftError
from minerecon_dagster.core.printable import LONGEST_NAME, not_printed, shown_url

REGISTER_PATH = "/reference/bmunits/all"

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Instant = Annotated[dt.datetime, Meta(tz=True)]
Name = Annotated[str, Meta(max_length=LONGEST_NAME)]
"""A name or an id that others gave; `not_printed` looks at its characters."""
DecimalText = Annotated[str, Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$")]
"""A decimal number in a JSON string, as the register has capacities in MW."""
MOST = 1e18
"""No energy, price, output or sum of money is more, of either sign: a larger number is drift, as a text would be."""
Number = Annotated[float, Meta(ge=-MOST, le=MOST)]
NUMBERS = msgspec.json.Decoder(list[Number])
NUMBERS_OR_NULLS = msgspec.json.Decoder(list[Number | None])
"""What says of digits that are kept as they came whether they are a number, or may be null."""
_FAR_EXPONENT = re.compile(rb"[eE][+-]?0*[1-9][0-9]{2}")
"""Of a number that a float takes for 0, and of which `Decimal` has no end."""


class RegisterUnit(Struct, frozen=True, gc=False, rename="camel"):
    """A BM unit of the register (``BmUnitData``), with four fields that Elexon sends beyond its description."""

    national_grid_bm_unit: Name | None
    elexon_bm_unit: Name | None
    eic: Name | None
    fuel_type: Name | None
    lead_party_name: Name | None
    bm_unit_type: Name | None
    fpn_flag: bool | None
    bm_unit_name: Name | None = None
    generation_capacity: DecimalText | None = None
    gsp_group_id: Name | None = None
    # Whatever it is, the register is not refused for it: a unit without a factor has no zone, and all else.
    transmission_loss_factor: Any = None

    @property
    def generation_capacity_mw(self) -> Decimal | None:
        """Generation capacity in MW; None where Elexon has none."""
        return None if self.generation_capacity is None else Decimal(self.generation_capacity)


def parse_register(body: bytes) -> list[RegisterUnit]:
    """The units of the register, as they stand there: repeated, or without an id.

    Raises:
        SchemaDriftError: ``body`` is not what Elexon's description says.
    """
    try:
        _check_texts(body)
        units = msgspec.json.decode(body, type=list[RegisterUnit])
    except (msgspec.DecodeError, RecursionError) as error:
        raise _drift(REGISTER_PATH, str(error), __name__) from None
    _log_undeclared(REGISTER_PATH, body, _declared(RegisterUnit) | REGISTER_FIELDS_NOT_USED)
    return units


REGISTER_FIELDS_NOT_USED = frozenset(
    {
        "creditQualifyingStatus",
        "demandCapacity",
        "demandInProductionFlag",
        "gspGroupName",
        "interconnectorId",
        "leadPartyId",
        "nonWorkingDayCreditAssessmentExportCapability",
        "nonWorkingDayCreditAssessmentImportCapability",
        "productionOrConsumptionFlag",
        "workingDayCreditAssessmentExportCapability",
        "workingDayCreditAssessmentImportCapability",
    }
)
"""Sent with every unit although Elexon's description lacks them: no news, so not logged."""


class _Metadata(Struct, frozen=True):
    datasets: list[str] | UnsetType | None = UNSET


Row = TypeVar("Row", bound=Struct)


class Shape(Generic[Row]):
    """How the answers of one dataset are decoded.

    A row says of which settlement date and period it is; where it has a ``start_time``, that must be the period's.

    Args:
        row: type of its rows.
        digits: the fields of ``row`` that are digits, and the decoder that says whether they are.
        is_bare: whether an answer is the list of rows itself, as of Elexon's ``…/stream``.
    """

    def __init__(self, row: type[Row], digits: dict[str, msgspec.json.Decoder[Any]], *, is_bare: bool = False) -> None:
        fields = msgspec.structs.fields(row)
        names = {f.name for f in fields}
        parts = {f.name: f.type for f in fields if isinstance(f.type, type) and issubclass(f.type, Struct)}
        self.home = row.__module__
        self.rows_at = "$" if is_bare else "$.data"
        self.digits = digits
        self.has_start_time = "start_time" in names
        self.stamp = attrgetter(
            *(name for name in ("settlement_date", "settlement_period", "start_time") if name in names)
        )
        structs: list[type[Struct]] = [row, _Metadata, *parts.values()]
        self.declared = frozenset({"data", "metadata"}).union(*map(_declared, structs))
        strict = _strict(row, **{name: _strict(part) for name, part in parts.items()})
        self._decoder = _decoder(row, _Metadata, is_strict=False, is_bare=is_bare)
        self._strict_decoder = _decoder(strict, _strict(_Metadata), is_strict=True, is_bare=is_bare)

    def decode(self, body: bytes, where: str) -> list[Row]:
        """The rows of an answer; what is not declared is logged, and let pass. Raises msgspec.DecodeError."""
        _check_texts(body)
        try:
            return _rows(self._strict_decoder.decode(body))
        except msgspec.ValidationError:
            # Either a field more, which is let pass, or drift, which the decoder that lets it pass finds again.
            rows = _rows(self._decoder.decode(body))
            _log_undeclared(where, body, self.declared)
            return rows


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


def _decoder(row: type[Struct], metadata: type[Struct], *, is_strict: bool, is_bare: bool) -> msgspec.json.Decoder[Any]:
    if is_bare:
        return msgspec.json.Decoder(list[row])  # type: ignore[valid-type]
    # A missing ``metadata`` is no drift: an answer without rows is observed as a bare {"data": []}.
    members: list[Any] = [("data", list[row] | None), ("metadata", metadata | UnsetType, UNSET)]  # type: ignore[valid-type]
    return msgspec.json.Decoder(msgspec.defstruct("Envelope", members, forbid_unknown_fields=is_strict))


def _rows(decoded: Any) -> list[Any]:
    return decoded if isinstance(decoded, list) else decoded.data or []


def parse_rows(
    shape: Shape[Row], key: AnswerKey, day: dt.date, answer: Answer, periods: Sequence[int] | None = None
) -> list[Row]:
    """The rows of an answer.

    Args:
        shape: how they are decoded.
        key: what was asked for.
        day: the settlement date that was asked for.
        answer: HTTP 404 and a list that is empty or null both mean no rows.
        periods: the periods that were asked for; None for all of the day.

    Raises:
        SchemaDriftError: the answer is not what Elexon's description says, or of another day or period.
    """
    if answer.status == 404:
        return []
    where = f"{key}: GET {shown_url(answer.url)}"
    try:
        rows = shape.decode(answer.body, where)
        _check_digits(shape, rows)
        _check_periods(shape, rows, day, periods)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _drift(where, str(error), shape.home) from None
    return rows


def _check_texts(body: bytes) -> None:
    """Raise msgspec.ValidationError where a text holds what would be a command to a terminal, a log or a reader.

    Or where it is no text: msgspec itself raises another error for that, and only of what it decodes.
    """
    try:
        found = not_printed(body)
    except UnicodeDecodeError as error:
        raise msgspec.ValidationError(f"it is not UTF-8 (byte {error.start})") from None
    if found:
        raise msgspec.ValidationError(f"a text holds the character {found}, which no name has")


def _check_digits(shape: Shape[Row], rows: Sequence[Row]) -> None:
    """Raise msgspec.ValidationError where a ``Raw`` is no number: msgspec takes anything for it."""
    for name, decoder in shape.digits.items():
        digits = b",".join(map(attrgetter(name), rows))
        try:
            decoder.decode(b"[%b]" % digits)
            if (b"e" in digits or b"E" in digits) and (far := _FAR_EXPONENT.search(digits)):
                place = digits.count(b",", 0, far.start())
                raise msgspec.ValidationError(f"Expected a number of fewer places - at `$[{place}]`")
        except msgspec.DecodeError as error:
            declared = next(f.encode_name for f in msgspec.structs.fields(type(rows[0])) if f.name == name)
            # The list of one field's values is ours; the reader wants the place in Elexon's answer.
            place_of = rf"{shape.rows_at}\1.{declared}"
            raise msgspec.ValidationError(re.sub(r"\$(\[\d+\])", place_of, str(error))) from None


def _check_periods(shape: Shape[Row], rows: Sequence[Any], day: dt.date, periods: Sequence[int] | None) -> None:
    """Raise msgspec.ValidationError where a row is not of the day, or of none of ``periods``."""
    starts = period_starts(day)
    asked = str(day)
    # Each once, at its first row: of thousands of rows there are as many as periods.
    for stamp in dict.fromkeys(map(shape.stamp, rows)):
        date, period, start_time = stamp if shape.has_start_time else (*stamp, None)
        if date != asked:
            raise msgspec.ValidationError(
                f"{date!r} is not the day asked for - at `{shape.rows_at}[{_index(shape, rows, stamp)}].settlementDate`"
            )
        if (periods is not None and period not in periods) or not 1 <= period <= len(starts):
            raise msgspec.ValidationError(
                f"{period} is not a period asked for"
                f" - at `{shape.rows_at}[{_index(shape, rows, stamp)}].settlementPeriod`"
            )
        if shape.has_start_time:
            try:
                start = msgspec.convert(start_time, Instant)
            except msgspec.ValidationError as error:
                raise msgspec.ValidationError(
                    f"{error} - at `{shape.rows_at}[{_index(shape, rows, stamp)}].startTime`"
                ) from None
            if start != starts[period - 1]:
                raise msgspec.ValidationError(
                    f"{start_time!r} is not the start of period {period}, {starts[period - 1].isoformat()}"
                    f" - at `{shape.rows_at}[{_index(shape, rows, stamp)}].startTime`"
                )


def _index(shape: Shape[Any], rows: Sequence[Any], stamp: Any) -> int:
    return next(index for index, row in enumerate(rows) if shape.stamp(row) == stamp)


def file_of(module: str) -> str:
    """Where a module of ours stands, as in ``core/schema.py``."""
    return module.partition(".")[2].replace(".", "/") + ".py"


def _drift(where: str, problem: str, home: str) -> SchemaDriftError:
    return SchemaDriftError(
        f"{where}: not what Elexon's API description says: {problem}; nothing is replaced: "
        f"compare the answer with Elexon's API description and adapt {file_of(home)}"
    )


def decimal_of(digits: Raw) -> Decimal:
    """A JSON number as it came, exact."""
    return Decimal(str(digits, "ascii"))


def decimals_of(digits: Iterable[Raw]) -> list[Decimal]:
    """JSON numbers as they came, exact: of many at once in half the time."""
    joined = b",".join(digits)
    return list(map(Decimal, str(joined, "ascii").split(","))) if joined else []


def decimal_or_none(digits: bytes) -> Decimal | None:
    """A JSON number as it came, exact; None of null."""
    text = str(digits, "ascii")
    return None if text == "null" else Decimal(text)


def is_not_zero(digits: Raw) -> bool:
    """Whether a JSON number is not zero; of thousands of rows only a few are worth a `Decimal`."""
    mantissa = bytes(digits).lower().partition(b"e")[0]
    return mantissa.strip(b"-0.") != b""


_MINUS, _ZERO = b"-0"


def is_negative(digits: Raw) -> bool:
    """Whether a JSON number is below zero; minus zero is not."""
    number = bytes(digits)
    return number[0] == _MINUS and (number[1] != _ZERO or is_not_zero(digits))


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
