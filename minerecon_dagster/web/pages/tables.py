"""Tables of pages: sorted and paged here, over all rows of the question, by the value and the key of the row before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from minerecon_dagster.web.pages import words
from minerecon_dagster.web.pages.asked import Asked, Place, address
from minerecon_dagster.web.pages.reader import Row

PAGE_ROWS = 100
"""Rows of a page of a table."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: of the API's field.
        heading: in words.
        what: how its values are shown: as `words.plain` has it, or day, days, month, text, zone, farm, party, unit,
            status, period, instant, mark.
        unit: in the heading.
    """

    name: str
    heading: str
    what: str
    unit: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it is right-aligned."""
        return self.what in _NUMBERS


_NUMBERS = ("mwh", "gbp", "price", "btc", "share", "count", "ratio", "own")


@dataclass(frozen=True)
class Heading:
    """The head of a column: with an address that sorts by it, where the table can be sorted."""

    column: Column
    address: str | None
    sorted_: str


@dataclass(frozen=True)
class Table:
    """A table as it is shown.

    Args:
        caption: what it is.
        headings: of its columns.
        rows: the cells of each row, and the row's class.
        count: rows in all.
        first: the number of the first row that is shown.
        next_, start: addresses of further rows and of the first ones; None: there are none.
        csv: where the same rows are, as CSV; None: nowhere.
        csv_has: what is there, where it is more than these rows.
        empty: what is said where there is no row.
    """

    caption: str
    headings: Sequence[Heading]
    rows: Sequence[tuple[str, Sequence[Markup]]]
    count: int
    first: int
    next_: str | None
    start: str | None
    csv: str | None
    csv_has: str
    empty: str


@dataclass(frozen=True)
class Ways:
    """Where the cells of a table lead: with what the reader has chosen, so that no link loses it.

    Args:
        prefix: under which a proxy has the site.
        basis: of every page that has one.
        only: of what: farm, lead party, measure and model, for the pages of a month or a year.
        span: from, to and grain, for the page of a farm; and from and to for that of a lead party.
    """

    prefix: str = ""
    basis: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, str] = field(default_factory=dict)
    span: Mapping[str, str] = field(default_factory=dict)

    def to(self, path: str, text: str, anchor: str = "", **more: str) -> Markup:
        """A link, on the basis that the reader has chosen."""
        return Markup('<a href="{}{}{}">{}</a>').format(
            self.prefix, address(path, **{**more, **self.basis}), anchor, text
        )

    def farm(self, name: str) -> Markup:
        """The page of a farm, of the same days."""
        return self.to(f"/farms/{quote(name, safe='')}", name, **self.span)

    def party(self, name: str) -> Markup:
        """The page of a lead party, of the same days; it has months only."""
        span = {n: v for n, v in self.span.items() if n != "grain"}
        return self.to(f"/lead-parties/{quote(name, safe='')}", name, **span)

    def explore(self, of: str, text: str, **more: str) -> Markup:
        """What happened in a month or a year, of the same farm or lead party."""
        return self.to("/explore", text, **{"from": of, "to": of}, **more, **self.only)


def ways(asked: Asked, shown: Mapping[str, str] | None = None) -> Ways:
    """Where the cells of a page's table lead.

    Args:
        asked: of the page.
        shown: the period, or from and to, that the table is of; None: those that were asked for, if any were.
    """
    given, name = asked.given, asked.in_path.get("name", "")
    of_page = {"/farms/": "farm", "/lead-parties/": "lead_party"}
    only = {kind: name for start, kind in of_page.items() if name and asked.path.startswith(start)}
    if asked.path == "/explore":
        only = {n: given[n] for n in ("farm", "lead_party", "show", "model") if n in given}
    shown = given if shown is None else shown
    span = {n: shown[n] for n in ("from", "to") if n in shown}
    if period := shown.get("period") if asked.path == "/farms" else None:
        grain = {len("YYYY"): "months", len("YYYY-MM"): "days"}.get(len(period))
        span = {"from": period, "to": period, **({"grain": grain} if grain else {})}
    return Ways(asked.prefix, {"basis": given["basis"]} if given.get("basis", "so") != "so" else {}, only, span)


def make(
    asked: Asked,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    key: str,
    csv: str | None,
    *,
    csv_has: str = "",
    at: Place | None = None,
    empty: str = "No row matches this filter.",
    anchor: str = "table",
    most: int = PAGE_ROWS,
    count: int | None = None,
    shown_of: Mapping[str, str] | None = None,
) -> Table:
    """The rows of a page of a table.

    Args:
        asked: of the page, for the addresses.
        caption: what the table is.
        columns: that are shown.
        rows: all of them.
        key: the field that no two rows share.
        csv: the address of the same rows; None where the API has no such rows.
        csv_has: what is at that address, where it is more than these rows.
        at: by what it is sorted and where it begins; None: as the rows come, all of them or the first ``most``.
        empty: what is said where there is no row.
        anchor: of the table in the page.
        most: rows at once.
        count: how many rows there are; None: those of ``rows``.
        shown_of: the period, or from and to, that the rows are of, for the links in them; None: as the page is asked.
    """
    to = ways(asked, shown_of)
    ordered, first, next_ = list(rows), 0, None
    if at is not None:
        places = sorted(((_order(row[at.column], str(row[key]), at.is_descending), row) for row in ordered), key=_first)
        ordered = [row for _, row in places]
        if at.after is not None:
            border = _order(*at.after, at.is_descending)
            first = sum(not border < place for place, _ in places)
    shown = ordered[first : first + most]
    if at is not None and first + most < len(ordered):
        last = shown[-1]
        value = last[at.column]
        after = json.dumps([None if value is None else str(value), str(last[key])], ensure_ascii=False)
        next_ = asked.address(after=after) + f"#{anchor}"
    return Table(
        caption,
        [_heading(asked, column, at, anchor) for column in columns],
        [(_class(row), [cell(column, row, to) for column in columns]) for row in shown],
        len(ordered) if count is None else count,
        first + 1,
        next_,
        asked.address(after=None) + f"#{anchor}" if first else None,
        None if csv is None else asked.prefix + csv,
        csv_has,
        empty,
    )


def _first(pair: tuple[tuple[Any, ...], Row]) -> tuple[Any, ...]:
    return pair[0]


def _order(value: Any, key: str, is_descending: bool) -> tuple[Any, ...]:
    """What rows are sorted by: what is not known comes last either way, equals by their key."""
    if value is None:
        return (1, _Turned(0, is_turned=False), key)
    number: Any
    try:
        number = (0, Decimal(str(value)))
    except ArithmeticError:
        number = (1, str(value))
    return (0, _Turned(number, is_turned=is_descending), key)


@dataclass(frozen=True)
class _Turned:
    value: Any
    is_turned: bool

    def __lt__(self, other: _Turned) -> bool:
        return bool(other.value < self.value) if self.is_turned else bool(self.value < other.value)


def _heading(asked: Asked, column: Column, at: Place | None, anchor: str) -> Heading:
    if at is None:
        return Heading(column, None, "none")
    is_by = at.column == column.name
    descending = not at.is_descending if is_by else column.is_number
    sort = f"{'-' if descending else ''}{column.name}"
    shown = "none" if not is_by else "descending" if at.is_descending else "ascending"
    target = asked.address(sort=None if sort == at.default else sort, after=None)
    return Heading(column, f"{target}#{anchor}", shown)


def _class(row: Row) -> str:
    status = row.get("status")
    if status == "missing" and row.get("days_present"):
        return "is-incomplete"  # a month or a year with figures, of which days are missing
    return "" if status in (None, "complete", "warned", "waived") else f"is-{status}"


def cell(column: Column, row: Row, to: Ways) -> Markup:
    """One value, as it is shown."""
    value = row.get(column.name)
    if column.what == "own":  # a figure with the decimals of its own unit
        return words.figure(value, {"MWh": "mwh", "GBP": "gbp"}.get(row["unit"], "btc"), in_cell=True)
    if column.what in _NUMBERS:
        return words.figure(value, column.what, in_cell=True)
    if column.what == "status":
        return words.status_mark(value, int(row.get("days_present") or 0), int(row.get("days_expected") or 0))
    if value is None or value == "":
        return Markup('<span class="none" title="not known">–</span>')
    shown = _CELLS.get(column.what)
    if shown is not None:
        return shown(value, row, to)
    return Markup("{}").format(value)


def _yes(value: Any, _row: Row, _to: Ways) -> Markup:
    return Markup("yes") if value in (True, "true") else Markup("no")


def _days(value: Any, row: Row, to: Ways) -> Markup:
    import datetime as dt

    if value == row["last_date"]:
        return _CELLS["day"](value, row, to)
    span = words.span_text(dt.date.fromisoformat(value), dt.date.fromisoformat(row["last_date"]))
    return Markup("{}").format(span)


def _half_hour(value: Any, row: Row, to: Ways) -> Markup:
    import datetime as dt

    text = words.period_text(dt.date.fromisoformat(row["settlement_date"]), int(value))
    link = to.to(f"/days/{row['settlement_date']}", text, "#acceptances", period=str(value))
    return Markup('<span class="half">{} <small class="period">{}</small></span>').format(link, value)


_CELLS: Mapping[str, Callable[[Any, Row, Ways], Markup]] = {
    "day": lambda v, _r, to: to.to(f"/days/{v}", words.day_text(v)),
    "days": _days,
    "month": lambda v, _r, to: to.explore(v, words.month_text(v)),
    "year": lambda v, _r, to: to.explore(str(v), str(v), grain="months"),
    "zone": lambda v, _r, _p: Markup("{}").format(words.zone_text(v)),
    "farm": lambda v, _r, to: to.farm(v),
    "party": lambda v, _r, to: to.party(v),
    "parties": lambda v, _r, to: Markup("; ").join(to.party(n) for n in v.split("; ")),
    "period": _half_hour,
    "instant": lambda v, _r, _p: Markup("{}").format(words.instant_text(v)),
    "yes": _yes,
}
