"""Resources that no view has as they are: SQL that is made from a view's columns, so that a new column is in them too.

Each function gets the columns of the relation behind a resource and says what is asked instead of it; it raises
`OtherSchemaError` where a column that it is made of is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from minerecon_dagster.core.units import AMOUNTS
from minerecon_dagster.web.database import Column, OtherSchemaError

OTHER, DIFFERENCE = "other_", "difference_"
"""Before the name of a figure: that of the other period; and this period's less the other one's."""


@dataclass(frozen=True)
class Derived:
    """What is asked instead of a relation.

    Args:
        sql: a statement in brackets, with named parameters.
        columns: of its rows.
        values: of parameters that are always the same.
        totals: a statement of one row, whose columns and figures stand in `meta`; empty: there are none.
    """

    sql: str
    columns: Sequence[Column]
    values: Mapping[str, Any] = field(default_factory=dict)
    totals: str = ""


Derive = Callable[[Sequence[Column]], Derived]


def is_summable(column: Column) -> bool:
    """Whether a column's figures may be added up."""
    return column.sql_type == "numeric" and column.unit in AMOUNTS


def is_of_bids(column: Column) -> bool:
    """Whether a farm that has no row of a stored day has 0 of a figure: an accepted bid, and what was paid for it.

    What was notified or metered of it is not known then.
    """
    return not {"potential", "instructed", "metered"} & set(column.name.split("_"))


def _named(name: str) -> str:
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def _one(columns: Sequence[Column], name: str) -> Column:
    for column in columns:
        if column.name == name:
            return column
    raise OtherSchemaError


def _compared(columns: Sequence[Column]) -> list[Column]:
    found = []
    for c in columns:
        if is_summable(c):
            comment = (c.comment or c.name).rstrip(".")
            found += [
                c,
                Column(OTHER + c.name, c.sql_type, f"{comment}: of the other period."),
                Column(DIFFERENCE + c.name, c.sql_type, f"{comment}: this period less the other."),
            ]
    return found


def _sums(columns: Sequence[Column]) -> str:
    """SQL of each figure's sums over the pairs of days that have it on both sides, and their difference."""
    parts = []
    for n in (_named(c.name) for c in columns if is_summable(c)):
        both = f"FILTER (WHERE a.{n} IS NOT NULL AND b.{n} IS NOT NULL)"
        other, difference = n.replace('"', f'"{OTHER}', 1), n.replace('"', f'"{DIFFERENCE}', 1)
        parts.append(f"sum(a.{n}) {both} AS {n}, sum(b.{n}) {both} AS {other}, sum(a.{n} - b.{n}) AS {difference}")
    return ", ".join(parts)


_DAYS_COMPARED = Column(
    "days_compared",
    "bigint",
    "Pairs of days that are stored on both sides; a figure is of those of them that have it on both.",
)
_DAYS_ASKED = Column("days_expected", "bigint", "Pairs of days that were asked for and have begun.")


def compare_days(columns: Sequence[Column]) -> Derived:
    """Each day beside its counterpart; the totals are of the pairs that are there on both sides."""
    found = [
        _one(columns, "settlement_date"),
        Column("other_settlement_date", "date", "The day that it is compared with; NULL: it has none."),
        _one(columns, "status"),
        Column("other_status", "text", "Status of the other day."),
        *_compared(columns),
    ]
    figures = ", ".join(
        f"a.{n} AS {n}, b.{n} AS {n.replace(chr(34), chr(34) + OTHER, 1)},"
        f" a.{n} - b.{n} AS {n.replace(chr(34), chr(34) + DIFFERENCE, 1)}"
        for n in (_named(c.name) for c in columns if is_summable(c))
    )
    joined = _pairs("analytics.curtailment_by_day")
    return Derived(
        f"(SELECT p.settlement_date, p.other_settlement_date, coalesce(a.status, 'missing') AS status,"
        f" CASE WHEN p.other_settlement_date IS NOT NULL THEN coalesce(b.status, 'missing') END AS other_status,"
        f" {figures} FROM {joined})",
        found,
        totals=_totals(columns),
    )


def compare_months(columns: Sequence[Column]) -> Derived:
    """The days of each month beside their counterparts."""
    joined = _pairs("analytics.curtailment_by_day")
    return Derived(
        f"(SELECT to_char(CAST(p.settlement_date AS timestamp), 'YYYY-MM') AS year_month, count(*) AS days_expected,"
        f" {_BOTH} AS days_compared, {_sums(columns)} FROM {joined} GROUP BY 1)",
        [_one(columns, "year_month"), _DAYS_ASKED, _DAYS_COMPARED, *_compared(columns)],
        totals=_totals(columns),
    )


def compare_farms(columns: Sequence[Column]) -> Derived:
    """The days of each farm beside their counterparts: of the pairs of days that are stored on both sides."""
    compared = [c for c in columns if is_summable(c)]
    names = [_named(c.name) for c in compared]

    def side(date: str, ends: str) -> str:
        return (
            f"(SELECT p.settlement_date AS pair, v.farm_name, {', '.join(f'v.{n}' for n in names)} FROM both_sides AS p"
            f" JOIN analytics.curtailment_by_farm_day AS v ON v.settlement_date = p.{date}"
            f" AND v.settlement_date BETWEEN {ends})"
        )

    # On a stored day a farm without a row had no bid: 0. What else a row has counts where both days have it.
    zeros = {n: f"coalesce(sum({{}}.{n}), 0)" for c, n in zip(compared, names, strict=True) if is_of_bids(c)}
    figures = []
    for n in names:
        both = f"FILTER (WHERE a.{n} IS NOT NULL AND b.{n} IS NOT NULL)"
        here, there = (zeros.get(n, f"sum({{}}.{n}) {both}").format(of) for of in ("a", "b"))
        other, difference = n.replace('"', f'"{OTHER}', 1), n.replace('"', f'"{DIFFERENCE}', 1)
        figures.append(f"{here} AS {n}, {there} AS {other}, {here} - {there} AS {difference}")
    stored = (
        "EXISTS (SELECT FROM minerecon.daily_summaries AS s"
        " WHERE s.summary_date = p.{} AND s.curtailed_mwh IS NOT NULL)"
    )
    here = side("settlement_date", "%(first)s AND %(last)s")
    there = side(
        "other_settlement_date",
        "(SELECT min(q.other_settlement_date) FROM both_sides AS q)"
        " AND (SELECT max(q.other_settlement_date) FROM both_sides AS q)",
    )
    return Derived(
        f"(WITH pairs AS ({_sql('pairs')}), both_sides AS MATERIALIZED (SELECT * FROM pairs AS p"
        f" WHERE {stored.format('settlement_date')} AND {stored.format('other_settlement_date')})"
        f" SELECT farm_name, (SELECT count(*) FROM both_sides) AS days_compared, {', '.join(figures)}"
        f" FROM {here} AS a FULL JOIN {there} AS b USING (pair, farm_name) GROUP BY farm_name)",
        [_one(columns, "farm_name"), _DAYS_COMPARED, *_compared(columns)],
    )


_BOTH = "count(*) FILTER (WHERE a.curtailed_mwh IS NOT NULL AND b.curtailed_mwh IS NOT NULL)"


def _pairs(relation: str) -> str:
    return (
        f"({_sql('pairs')}) AS p"
        f" LEFT JOIN {relation} AS a ON a.settlement_date = p.settlement_date"
        " AND a.settlement_date BETWEEN %(first)s AND %(last)s"
        f" LEFT JOIN {relation} AS b ON b.settlement_date = p.other_settlement_date AND b.settlement_date BETWEEN"
        " coalesce(%(with)s, CAST(%(first)s AS date) - 366) AND coalesce(CAST(%(with)s AS date) +"
        " (CAST(%(last)s AS date) - CAST(%(first)s AS date)), CAST(%(last)s AS date) - 365)"
    )


def _totals(columns: Sequence[Column]) -> str:
    return (
        f"SELECT min(p.other_settlement_date) AS first_other_day, max(p.other_settlement_date) AS last_other_day,"
        f" count(*) AS days_expected, {_BOTH} AS days_compared, {_sums(columns)}"
        f" FROM {_pairs('analytics.curtailment_by_day')}"
    )


def published(columns: Sequence[Column]) -> Derived:
    """What others have published, and ours beside it; the difference where all days of it are stored and real."""
    return Derived(f"({_sql('published')})", [*columns, *_OURS])


_OURS = (
    Column("ours_value", "numeric", "Our figure over the same days and on the same basis; NULL: no day is stored."),
    Column("ours_days_expected", "integer", "Days that it is of."),
    Column("ours_days_present", "bigint", "Those of them that are stored."),
    Column("ours_days_final", "bigint", "Those of them that are final."),
    Column("ours_is_synthetic", "boolean", "Whether ours is of made-up days, and nothing to compare with."),
    Column("difference_value", "numeric", "Ours less the published one; NULL where a day is not stored, or made up."),
    Column("difference_share", "numeric", "The difference over the published figure, rounded to 12 places."),
)


def exports_of(paths: Mapping[str, str]) -> Derive:
    """The files of the exports, as the views make them.

    Args:
        paths: the resource of each relation that has the rows of its files.
    """

    def exports(_columns: Sequence[Column]) -> Derived:
        values = {"relations": list(paths), "paths": list(paths.values())}
        return Derived(f"({_sql('exports')})", _OF_EXPORTS, values)

    return exports


_OF_EXPORTS = (
    Column("year_month", "text", "Month, as in 2025-03."),
    Column("view_name", "text", "View of the schema analytics that the files are of."),
    Column("parquet_file", "text", "The Parquet file, below the archive's place."),
    Column("csv_file", "text", "The CSV file, below the archive's place."),
    Column("manifest_file", "text", "What says bytes and SHA-256 of the files that are written, and when they were."),
    Column("csv_address", "text", "The same rows by this API, of one month; NULL: it has no such resource."),
    Column("column_count", "bigint", "Columns of the view."),
    Column("status", "text", "Status of the month."),
    Column("days_expected", "smallint", "Calendar days of the month."),
    Column("days_present", "smallint", "Days that are stored."),
    Column("days_final", "smallint", "Days that are final."),
    Column("is_complete", "boolean", "Whether every day is final and passes its checks."),
    Column("is_synthetic", "boolean", "Whether the month is made up."),
)


def as_of_days(_columns: Sequence[Column]) -> Derived:
    """What was published of each day at an instant."""
    return Derived(f"({_sql('as_of_days')})", (_DAY, *_AS_OF, *_FIGURES, _SEEN))


def as_of_months(_columns: Sequence[Column]) -> Derived:
    """The sums of the months of what was published at an instant."""
    return _summed("year_month", "to_char(CAST(d.settlement_date AS timestamp), 'YYYY-MM')", "month", _MONTH)


def as_of_years(_columns: Sequence[Column]) -> Derived:
    """The sums of the years of what was published at an instant."""
    return _summed("year", "CAST(extract(year FROM d.settlement_date) AS integer)", "year", _YEAR)


def _summed(key: str, value: str, span: str, column: Column) -> Derived:
    days = _sql("as_of_days").replace("%(first)s", f"date_trunc('{span}', CAST(%(first)s AS timestamp))")
    last = f"date_trunc('{span}', CAST(%(last)s AS timestamp)) + interval '1 {span} -1 day'"
    days = days.replace("%(last)s", last)
    known = "bool_and(d.known_as <> 'not known')"
    # A figure that one of the days has not is of fewer days than the energy beside it, and no sum of them.
    whole = f"{known} AND count(d.{{}}) = count(d.curtailed_mwh)"
    sums = ", ".join(f"CASE WHEN {whole.format(c.name)} THEN sum(d.{c.name}) END AS {c.name}" for c in _FIGURES)
    return Derived(
        f"(SELECT {value} AS {key}, CASE WHEN bool_and(d.known_as = 'not begun') THEN 'not begun'"
        f" WHEN bool_and(d.known_as IN ('as now', 'not begun')) THEN 'as now'"
        " WHEN bool_and(d.known_as IN ('missing', 'unavailable', 'not begun')) THEN 'missing'"
        f" WHEN {known} THEN 'sum of what was known' ELSE 'not known' END AS known_as,"
        " count(*) FILTER (WHERE d.known_as <> 'not begun') AS days_begun,"
        " count(*) FILTER (WHERE d.known_as = 'not known') AS days_not_known,"
        " count(*) FILTER (WHERE d.known_as IN ('missing', 'unavailable')) AS days_missing,"
        f" {sums}, max(d.seen_at) AS seen_at FROM ({days}) AS d GROUP BY 1)",
        (column, *_AS_OF, *_OF_DAYS, *_FIGURES, _SEEN),
    )


_DAY = Column("settlement_date", "date", "Settlement day in London.")
_MONTH = Column("year_month", "text", "Month, as in 2025-03.")
_YEAR = Column("year", "integer", "Calendar year.")
_AS_OF = (
    Column(
        "known_as", "text",
        "With as_of: how it is known what was published: as now (not built since), restated (on record before and"
        " after), sum of what was known, missing, unavailable, not begun, or not known, and then every figure is NULL.",
    ),
)  # fmt: skip
_OF_DAYS = (
    Column("days_begun", "bigint", "With as_of: days that had begun."),
    Column("days_not_known", "bigint", "With as_of: days of which it is not known what was published."),
    Column("days_missing", "bigint", "With as_of: days of which nothing is stored, and which no sum has."),
)
_FIGURES = (
    Column("curtailed_mwh", "numeric", "SO-flagged energy, in MWh."),
    Column("payment_gbp", "numeric", "Net payment for SO-flagged energy, in GBP."),
    Column("all_bids_mwh", "numeric", "Energy of all wind bids, in MWh."),
    Column(
        "all_bids_payment_gbp",
        "numeric",
        "Net payment for all wind bids, in GBP; NULL where a day was restated, of which it is not kept.",
    ),
)
_SEEN = Column("seen_at", "timestamp with time zone", "With as_of: when the figures that are given were recorded.")
OF_AS_OF = (*_AS_OF, *_OF_DAYS, _SEEN)
"""Columns that only an answer with as_of has."""


@cache
def _sql(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text("utf-8").rstrip().rstrip(";")
