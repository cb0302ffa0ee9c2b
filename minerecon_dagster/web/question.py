"""What is asked: the parameters of a request, checked, and the statement that they make.

What cannot be answered is refused in words: which parameter, what it may be, and, of a limit, an address that works.
"""

from __future__ import annotations

import calendar
import contextlib
import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode

from minerecon_dagster.web.database import Column
from minerecon_dagster.web.derived import DIFFERENCE, OTHER
from minerecon_dagster.web.resources import Resource

Basis = Literal["so", "all"]

MOST_ROWS = 50_000
"""Rows of one answer at most."""
PAGE_ROWS = 5_000
"""Rows of a page of JSON, unless ``limit`` says another number."""
MOST_SIZES = 50
"""Sizes of fleets that are asked for at once."""
MOST_PERIODS = 50
"""Of a day: the one on which the clocks go back."""
FIRST_YEAR = 2000
LAST_YEAR = 2100
_LEAP_DAY = (2, 29)
_HAS_ZONE = re.compile(r"T.*(Z|[+ -]\d\d(:?\d\d)?)$")
_SHARED = ("basis", "fields", "after", "limit", "numbers", "source")
_SO_FLAGGED = ("curtailed_mwh", "curtailed_share", "share_of_curtailed", "so_record_count", "so_bmu_count",
               "so_period_count", "paid_gbp", "refunded_gbp", "value_gbp_per_mwh", "turn_up_mwh", "turn_up_target_mwh",
               "turn_up_coverage", "turn_up_estimate_gbp", "cost_with_turn_up_estimate_gbp", "turn_up_days",
               "co2_ccgt_t", "co2_known_t", "co2_known_mwh", "co2_known_share", "co2_days",
               "priced_days_payment_gbp", "curtailed_of_potential_mwh", "curtailed_share_of_potential")  # fmt: skip
_ALL_BIDS = ("share_of_all_bids", "record_count", "bmu_count", "period_count")
_ABSENT: Mapping[str, str] = {
    "status": "coalesce(v.status, 'missing')",
    "coverage": "coalesce(v.coverage, 0)",
    "is_final": "coalesce(v.is_final, false)",
    "is_complete": "coalesce(v.is_complete, false)",
    "is_stored": "coalesce(v.is_stored, false)",
    "periods_present": "coalesce(v.periods_present, 0)",
    "days_present": "coalesce(v.days_present, 0)",
    "days_final": "coalesce(v.days_final, 0)",
    "days_unavailable": "coalesce(v.days_unavailable, 0)",
    "days_incomplete": "coalesce(v.days_incomplete, 0)",
}
"""What is known of a day, month or year that the view has no row of."""
_BELOW_ALL = {"smallint": -(2**15), "integer": -(2**31), "bigint": -(2**63)}
"""What stands for NULL in the order of a type: no id is as low, and -1 is that of a bid-offer pair."""


class NotAnsweredError(Exception):
    """A request that is refused; ``str()`` says why, in words for the reader.

    Args:
        status: of HTTP.
        detail: why.
        more: further members of the problem, as ``limit``, ``asked`` and ``try``.
    """

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.more = more


class NoFieldError(NotAnsweredError):
    """A field that the rows do not have."""


@dataclass(frozen=True)
class Question:
    """A request for a resource, checked.

    Args:
        resource: what is asked.
        given: the parameters as they were given, by name.
        first, last: the range of days; None: all that there is.
        equal: the values of the resource's filters and of what it takes, by parameter.
        as_of: the instant at which what is answered was published; None: the present.
    """

    resource: Resource
    given: Mapping[str, str]
    first: dt.date | None = None
    last: dt.date | None = None
    equal: Mapping[str, Any] = field(default_factory=dict)
    basis: Basis = "so"
    fields: tuple[str, ...] | None = None
    after: tuple[Any, ...] | None = None
    limit: int | None = None
    is_json_number: bool = False
    with_source: bool = False
    as_of: dt.datetime | None = None

    @property
    def covered(self) -> tuple[dt.date, dt.date] | None:
        """The days that the rows are of: of each month or year of the range all of it; None: all that there is."""
        if self.first is None or self.last is None:
            return None
        if self.resource.span == "month":
            return self.first.replace(day=1), self.last.replace(day=calendar.monthrange(*_month(self.last))[1])
        if self.resource.span == "year":
            return dt.date(self.first.year, 1, 1), dt.date(self.last.year, 12, 31)
        return self.first, self.last

    def counterparts(self, today: dt.date) -> list[dt.date]:
        """The days that those of the range until ``today`` are compared with, as sql/pairs.sql has them."""
        if "with" not in self.resource.takes or self.first is None or self.last is None:
            return []
        days = [self.first + dt.timedelta(n) for n in range((min(self.last, today) - self.first).days + 1)]
        if self.equal["with"] is not None:
            return [self.equal["with"] + (day - self.first) for day in days]
        return [day.replace(year=day.year - 1) for day in days if (day.month, day.day) != _LEAP_DAY]

    def address(self, suffix: str = "", **changed: str | None) -> str:
        """The path and query of this question, with some parameters changed, or left out (None)."""
        query = {
            k: v for k, v in {**self.given, **changed}.items() if v is not None and f"{{{k}}}" not in self.resource.path
        }
        path = self.resource.path
        for name, value in self.given.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        return f"/api/v1/{path}{suffix}" + (f"?{urlencode(query)}" if query else "")


def _month(day: dt.date) -> tuple[int, int]:
    return day.year, day.month


def parameters_of(resource: Resource) -> tuple[str, ...]:
    """The parameters of a resource's query, in the order of the documentation."""
    ranged = ("from", "to") if resource.span else ()
    own = [*resource.filters, *resource.conditions, *resource.takes, *(("as_of",) if resource.as_of else ())]
    in_path = re.findall(r"{(\w+)}", resource.path)
    return (*ranged, *(n for n in dict.fromkeys(own) if n not in in_path), *_SHARED)


def read(resource: Resource, in_path: Mapping[str, str], query: str, newest: dt.date, now: dt.datetime) -> Question:
    """The question that a request asks.

    Args:
        resource: of the path.
        in_path: what stands in the path, by name.
        query: the query string, as it came.
        newest: the newest day that there is, where ranges that are not given end.
        now: the present instant.

    Raises:
        NotAnsweredError: a parameter is not one, or not as it should be.
    """
    given = _pairs(resource, query) | dict(in_path)
    for name, value in given.items():
        if "\x00" in value:
            raise NotAnsweredError(422, f"{name} holds a character that no name has")
    first, last = _range(resource, given, newest)
    if resource.span and last is not None and first is not None:
        days = (last - first).days + 1
        if days > resource.most_days:
            shorter = first + dt.timedelta(days=resource.most_days - 1)
            question = Question(resource, given)
            raise NotAnsweredError(
                422,
                f"{resource.path} answers for {resource.most_days} days at once, and {days} were asked for",
                limit=resource.most_days,
                asked=days,
                **{"try": question.address(**{"from": str(first), "to": str(shorter)})},
            )
    names = [*resource.filters, *resource.conditions, *resource.takes]
    equal: dict[str, Any] = {name: given[name] for name in names if name in given}
    equal |= {name: given[name] for name in in_path}
    if "period" in equal and equal["period"] not in map(str, range(1, MOST_PERIODS + 1)):
        raise NotAnsweredError(
            422,
            f"period must be a settlement period from 1 to {MOST_PERIODS}, not {equal['period'][:40]!r}",
            limit=MOST_PERIODS,
            asked=equal["period"][:40],
        )
    if "machines" in resource.takes:
        equal |= _sizes(resource, given)
    if "with" in resource.takes:
        equal["with"] = _day("with", given["with"])[0] if "with" in given else None
    limit = None
    if "limit" in given:
        limit = _whole(given["limit"])
        if limit is None or not 1 <= limit <= MOST_ROWS:
            raise NotAnsweredError(
                422,
                f"limit must be a whole number from 1 to {MOST_ROWS}, not {given['limit']!r}",
                limit=MOST_ROWS,
                asked=given["limit"],
                **{"try": Question(resource, given).address(limit=str(PAGE_ROWS))},
            )
    return Question(
        resource,
        given,
        first,
        None if last is None or first is None else last,
        equal,
        basis=_basis(resource, given),
        fields=_fields(given),
        after=_after(resource, given),
        limit=limit,
        is_json_number=_one_of("numbers", given, ("text", "json")) == "json",
        with_source=_one_of("source", given, ("0", "1")) == "1",
        as_of=_instant(given["as_of"], now) if "as_of" in given else None,
    )


def _pairs(resource: Resource, query: str) -> dict[str, str]:
    known = parameters_of(resource)
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:  # no UTF-8, or very many
        raise NotAnsweredError(422, "the query is not one: it must be name=value&…, in UTF-8") from None
    for name, value in pairs:
        if name not in known:
            raise NotAnsweredError(
                422, f"there is no parameter {name[:40]!r} here; there are {', '.join(known)}", parameters=list(known)
            )
        if name in found:
            raise NotAnsweredError(422, f"{name} is given twice; give it once")
        if value == "":
            raise NotAnsweredError(422, f"{name} is empty; leave it out, or give it a value")
        found[name] = value
    return found


def _one_of(name: str, given: Mapping[str, str], words: Sequence[str]) -> str:
    value = given.get(name, words[0])
    if value not in words:
        raise NotAnsweredError(422, f"{name} must be {' or '.join(words)}, not {value[:40]!r}")
    return value


def _basis(resource: Resource, given: Mapping[str, str]) -> Basis:
    """The basis that is asked for; a resource of one alone refuses the other."""
    asked: Basis = _one_of("basis", given, ("so", "all"))  # type: ignore[assignment]
    if resource.basis is None:
        return asked
    if "basis" in given and asked != resource.basis:
        raise NotAnsweredError(
            422,
            f"{resource.path} is of basis={resource.basis} alone, and has no figures of basis={asked}",
            **{"try": Question(resource, given).address(basis=None)},
        )
    return resource.basis


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def days_of(text: str) -> tuple[dt.date, dt.date] | None:
    """The first and last day of a day, month or year as in 2025-03-28, 2025-03 or 2025; None: it is none of them."""
    found = re.fullmatch(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", text, re.ASCII)
    if not found or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        return None
    year, month, day = int(found[1]), found[2], found[3]
    try:
        first = dt.date(year, int(month or 1), int(day or 1))
    except ValueError:
        return None
    if day:
        return first, first
    if month:
        return first, first.replace(day=calendar.monthrange(year, first.month)[1])
    return first, dt.date(year, 12, 31)


def is_in_no_calendar(text: str) -> bool:
    """Whether a day or month is written as it should be, and there is none such: 2025-02-30, 2025-13."""
    found = re.fullmatch(r"(\d{4})-\d\d(?:-\d\d)?", text, re.ASCII)
    return found is not None and FIRST_YEAR <= int(found[1]) <= LAST_YEAR and days_of(text) is None


def _day(name: str, text: str) -> tuple[dt.date, dt.date]:
    days = days_of(text)
    if days is None:
        raise NotAnsweredError(
            422,
            f"{name} must be a settlement date as in 2025-03-28, a month as in 2025-03 or a year as in 2025, "
            f"from {FIRST_YEAR} to {LAST_YEAR}, not {text[:40]!r}"
            f"{', which is in no calendar' if is_in_no_calendar(text) else ''}",
        )
    return days


def _instant(text: str, now: dt.datetime) -> dt.datetime:
    """An instant as in 2025-04-01T06:00:00Z, or the beginning of a day in UTC."""
    found = None
    if text.isascii():
        with contextlib.suppress(ValueError, OverflowError):
            found = dt.datetime.fromisoformat(text.replace(" ", "+"))
            found = (found.replace(tzinfo=dt.UTC) if len(text) == len("YYYY-MM-DD") else found).astimezone(dt.UTC)
    if found is None or not (len(text) == len("YYYY-MM-DD") or _HAS_ZONE.search(text)):
        raise NotAnsweredError(
            422,
            "as_of must be an instant as in 2025-04-01T06:00:00Z, or a date, which is its beginning in UTC, not "
            f"{text[:40]!r}",
        )
    if not dt.datetime(FIRST_YEAR, 1, 1, tzinfo=dt.UTC) <= found <= now:
        raise NotAnsweredError(422, f"as_of must be from {FIRST_YEAR} to the present, not {text[:40]!r}")
    return found


def _range(resource: Resource, given: Mapping[str, str], newest: dt.date) -> tuple[dt.date | None, dt.date | None]:
    ends: dict[str, dt.date] = {}
    for name, which in (("from", 0), ("to", 1)):
        if name in given:
            ends[name] = _day(name, given[name])[which]
    everything = resource.default_days is None and "as_of" not in given
    if not resource.span or (not ends and everything):
        return None, None
    width = dt.timedelta(days=(resource.default_days or 366) - 1)
    last = ends.get("to") or (max(newest, ends["from"]) if "from" in ends else newest)
    first = ends.get("from") or last - width
    if first > last:
        raise NotAnsweredError(422, f"from={first} is after to={last}")
    return first, last


def _fields(given: Mapping[str, str]) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(given["fields"].split(","))) if "fields" in given else None


def _after(resource: Resource, given: Mapping[str, str]) -> tuple[Any, ...] | None:
    if "after" not in given:
        return None
    try:
        values = json.loads(given["after"])
    except (ValueError, RecursionError):  # no JSON, or lists in lists without end
        values = None
    right = isinstance(values, list) and len(values) == len(resource.keys)
    if not right or not all(isinstance(v, str | int) and not isinstance(v, bool) for v in values):
        raise _made_by_hand(resource)
    return tuple(str(v) for v in values)


def _made_by_hand(resource: Resource) -> NotAnsweredError:
    return NotAnsweredError(
        422,
        "after must be what `next` of a page before had: it is not to be made by hand",
        keys=list(resource.keys),
    )


def _is_key(value: str, sql_type: str) -> bool:
    """Whether a value is one that a page ends with: PostgreSQL would take more, as ``now`` for a date."""
    if sql_type == "date":
        return len(value) == len("YYYY-MM-DD") and days_of(value) is not None
    if sql_type == "text":
        return not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in value)
    return re.fullmatch(r"-?\d{1,18}", value, re.ASCII) is not None


def _sizes(resource: Resource, given: Mapping[str, str]) -> dict[str, Any]:
    for name in ("farm", "model"):
        if name not in given:
            raise NotAnsweredError(422, f"{resource.path} needs {name}")
    if ("machines" in given) == ("power_mw" in given):
        raise NotAnsweredError(422, "give the size as machines or as power_mw: one of them")
    name = "machines" if "machines" in given else "power_mw"
    texts = given[name].split(",")
    kind = r"[1-9]\d{0,6}" if name == "machines" else r"\d{1,5}(\.\d{1,9})?"
    if len(texts) > MOST_SIZES or not all(re.fullmatch(kind, text, re.ASCII) for text in texts):
        raise NotAnsweredError(
            422, f"{name} must be up to {MOST_SIZES} sizes by comma, as in 100,1000, not {given[name][:40]!r}"
        )
    sizes: dict[str, Any] = {"machines": None, "power_mw": None}
    sizes[name] = "{" + ",".join(texts) + "}"
    return sizes


def chosen(question: Question, columns: Sequence[Column]) -> list[Column]:
    """The columns that are answered: those of the basis, or those that are asked for.

    Raises:
        NoFieldError: a field that there is not.
    """
    by_name = {column.name: column for column in columns}
    if question.fields is not None:
        unknown = [name for name in question.fields if name not in by_name]
        if unknown:
            raise NoFieldError(422, f"there is no field {unknown[0][:40]!r} here", fields=list(by_name))
        return [by_name[name] for name in question.fields]
    return [column for column in columns if _is_of(question.basis, column.name, by_name)]


def _is_of(basis: Basis, name: str, all_names: Iterable[str]) -> bool:
    """Whether a column is of a basis; what is on neither, as a state, is of both."""
    name = name.removeprefix(OTHER).removeprefix(DIFFERENCE)
    if name.startswith("all_bids_") or name in _ALL_BIDS:
        return basis == "all" or (name == "bmu_count" and "so_bmu_count" not in all_names)
    if f"all_bids_{name}" in all_names or name in _SO_FLAGGED:
        return basis == "so" or not any(n.startswith("all_bids_") for n in all_names)
    return True


def statement(
    question: Question, columns: Sequence[Column], all_columns: Sequence[Column], today: dt.date, most: int
) -> tuple[str, dict[str, Any]]:
    """The statement of a question, with one row more than ``most``, and its parameters.

    Args:
        question: what is asked.
        columns: the columns that are answered.
        all_columns: those that there are.
        today: in London: no later day is missing.
        most: rows at most.
    """
    resource = question.resource
    values: dict[str, Any] = {
        "first": question.first, "last": question.last, "today": today, "most": most + 1, **question.equal,
    }  # fmt: skip
    types = {c.name: c.sql_type for c in all_columns}
    filled = resource.is_filled and question.first is not None
    known = _known(resource) if filled else {}
    of_row = [known.get(c.name) or (_ABSENT.get(c.name) if filled else None) or f"v.{_quoted(c.name)}" for c in columns]
    wheres = [resource.where] if resource.where else []
    joined = []
    # What is called takes the range itself, but by months it may have more of them than were asked for.
    if question.first is not None and (not resource.call or resource.span == "month"):
        joined.append(_within(resource))
    for name, column in resource.filters.items():
        if name in question.equal:
            (wheres if not filled or name != "model" else joined).append(f"v.{_quoted(column)} = %({name})s")
            if filled and name == "model":
                wheres.append(f"c.{_quoted(column)} = %({name})s")
    wheres += [sql for name, sql in resource.conditions.items() if name in question.equal]
    keys = [known.get(k) or f"v.{_quoted(k)}" for k in resource.keys]
    keys = [
        f"coalesce({sql}, {_BELOW_ALL[types[k]]})" if k in resource.null_keys else sql
        for k, sql in zip(resource.keys, keys, strict=True)
    ]
    keys = [f'{sql} COLLATE "C"' if types[k] == "text" else sql for k, sql in zip(resource.keys, keys, strict=True)]
    if question.after is not None:
        casts = []
        for n, (key, value) in enumerate(zip(resource.keys, question.after, strict=True)):
            if not _is_key(value, types[key]):
                raise _made_by_hand(resource)
            values[f"after_{n}"] = value
            casts.append(f"CAST(%(after_{n})s AS {types[key]})")
        wheres.append(f"({', '.join(keys)}) > ({', '.join(casts)})")
    if filled:
        values["last"] = min(question.last or today, today)
        on = [f"v.{_quoted(k)} = c.{_quoted(k)}" for k in resource.keys] + joined
        source = f"{_asked(resource)} AS c LEFT JOIN {resource.relation} AS v ON {' AND '.join(on)}"
    else:
        source = f"{resource.call or resource.relation} AS v"
        wheres += joined
    where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
    return (
        f"SELECT {', '.join([*of_row, *keys])} FROM {source}{where} ORDER BY {', '.join(keys)} LIMIT %(most)s",
        values,
    )


def _within(resource: Resource) -> str:
    column = f"v.{_quoted(resource.span_column)}"
    if resource.span == "month":
        first, last = (f"to_char(CAST(%({end})s AS date), 'YYYY-MM')" for end in ("first", "last"))
        return f"{column} BETWEEN {first} AND {last}"
    if resource.span == "year":
        return (
            f"{column} BETWEEN extract(year FROM CAST(%(first)s AS date)) AND extract(year FROM CAST(%(last)s AS date))"
        )
    return f"{column} BETWEEN %(first)s AND %(last)s"


def _asked(resource: Resource) -> str:
    """SQL of every day, month or year of the range, with the half hours or miner models of each."""
    if resource.span == "day":
        spans = (
            "SELECT CAST(%(first)s AS date) + n AS settlement_date"
            " FROM generate_series(0, CAST(%(last)s AS date) - CAST(%(first)s AS date)) AS n"
        )
    else:
        named = "to_char(n, 'YYYY-MM')" if resource.span == "month" else "CAST(extract(year FROM n) AS integer)"
        spans = (
            f"SELECT {named} AS {resource.span_column}, CAST(n AS date) AS first_day,"
            f" CAST(n + interval '1 {resource.span}' AS date) - CAST(n AS date) AS days_expected"
            f" FROM generate_series(date_trunc('{resource.span}', CAST(%(first)s AS timestamp)),"
            f" CAST(%(last)s AS timestamp), interval '1 {resource.span}') AS n"
        )
    if resource.by_period:
        spans = (
            f"SELECT d.settlement_date, CAST(p AS smallint) AS settlement_period FROM ({spans}) AS d,"
            " generate_series(1, 50) AS p WHERE p <= minerecon.settlement_period_count(d.settlement_date)"
        )
    if resource.by_model:
        spans = f"SELECT d.*, m.miner_model FROM ({spans}) AS d CROSS JOIN minerecon.miner_models AS m"
    return f"({spans})"


def _known(resource: Resource) -> dict[str, str]:
    """SQL of the columns that say what a row is of, where there may be no row."""
    known = {key: f"c.{_quoted(key)}" for key in resource.keys}
    if resource.span == "day":
        known["year_month"] = "to_char(CAST(c.settlement_date AS timestamp), 'YYYY-MM')"
        known["periods_expected"] = "minerecon.settlement_period_count(c.settlement_date)"
    else:
        known["days_expected"] = "c.days_expected"
    if resource.by_period:
        known["start_time"] = "minerecon.settlement_period_start(c.settlement_date, c.settlement_period)"
        known["london_time"] = f"{known['start_time']} AT TIME ZONE 'Europe/London'"
    return known


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
