"""What the API has: each resource is one entry of `RESOURCES`, and all of it follows from there.

A resource is a view, table or function of the warehouse with the parameters that it takes. Its columns are not listed
here: they are read from the database, so that a column that a view gains is in every answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from minerecon_dagster.web import derived
from minerecon_dagster.web.derived import Derive

Span = Literal["day", "month", "year"]


@dataclass(frozen=True)
class Resource:
    """A path under ``/api/v1``.

    Args:
        path: with the names of what it takes in braces.
        relation: the view or table that its columns are those of; of a function the function itself.
        keys: columns that no two rows share, in the order of the rows.
        about: one sentence, for the documentation.
        span: what ``from`` and ``to`` choose: rows of days, of months or of years; None: it has no range.
        span_column: the column with the day, month or year.
        filters: the parameter of each column that must be equal to it.
        call: SQL that is asked instead of ``relation``, with parameters; `relation` still has the columns.
        is_filled: a day, month or year of the range without a row has one of NULLs, with the status ``missing``.
        by_model, by_period: its grain has the miner models, or the half hours, beside ``span_column``.
        default_days: the range without ``from`` and ``to``: so many of the newest days; None: all that there is.
        most_days: the longest range.
        takes: parameters of its own, which ``call`` has.
        conditions: the SQL of parameters that are no column's.
        where: a condition that always holds.
        null_keys: those of ``keys`` that may be NULL, and are whole numbers.
        derive: makes of the columns of ``relation`` what is asked instead of it.
        as_of: the same, where what was published at an instant is asked for; None: that is no question here.
        note: what a reader of every answer must know.
        basis: of its rows, where they are of one alone, whatever is asked; None: ``basis`` chooses their columns.
    """

    path: str
    relation: str
    keys: tuple[str, ...]
    about: str
    span: Span | None = None
    span_column: str = "settlement_date"
    filters: Mapping[str, str] = field(default_factory=dict)
    call: str = ""
    is_filled: bool = False
    by_model: bool = False
    by_period: bool = False
    default_days: int | None = None
    most_days: int = 3_660
    takes: tuple[str, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    null_keys: tuple[str, ...] = ()
    derive: Derive | None = None
    as_of: Derive | None = None
    note: str = ""
    basis: Literal["so", "all"] | None = None

    @property
    def name(self) -> str:
        """For file names and links: the path without braces."""
        return self.path.replace("{", "").replace("}", "").replace("/", "-")


_FARM = {"farm": "farm_name"}
_MODEL = {"model": "miner_model"}
_UNIT = {"unit": "bmu_id"}
_PARTY = {"lead_party": "lead_party_name"}
_ZONE = {"zone": "zone"}
_OF_FARM = "analytics.curtailment_of_farm(%(farm)s, %(first)s, %(last)s)"
_OF_FARM_BY_MONTH = (
    "analytics.curtailment_of_farm_by_month(%(farm)s, coalesce(to_char(CAST(%(first)s AS date), 'YYYY-MM'), ''),"
    " coalesce(to_char(CAST(%(last)s AS date), 'YYYY-MM'), '~'))"
)
_OF_FARM_BY_YEAR = (
    "analytics.curtailment_of_farm_by_year(%(farm)s,"
    " CAST(coalesce(extract(year FROM CAST(%(first)s AS date)), 0) AS integer),"
    " CAST(coalesce(extract(year FROM CAST(%(last)s AS date)), 9999) AS integer))"
)
_UNITS_OF_FARM = "v.bmu_id IN (SELECT f.bmu_id FROM analytics.wind_farms AS f WHERE f.farm_name = %(farm)s)"
_ALIKE = (
    "Figures that sum days, the totals too, are of the pairs of days that have them on both sides: days_compared says"
    " how many do."
)
_ROWS_OF_FILES = {
    "analytics.curtailment_by_day": "days",
    "analytics.curtailment_by_period": "half-hours",
    "analytics.curtailment_by_month": "months",
    "analytics.curtailment_by_farm_day": "farms",
    "analytics.curtailment_by_farm_month": "farms/months",
    "analytics.curtailment_by_lead_party_month": "lead-parties/months",
    "analytics.mining_potential_by_day": "mining/days",
    "analytics.mining_potential_by_month": "mining/months",
    "analytics.settlement_days": "calendar",
}
"""The resources that have all rows of a month's file of a view."""
_SIZING = "analytics.sizing_curve(%(farm)s, %(model)s, %(first)s, %(last)s, %(machines)s, %(power_mw)s)"

RESOURCES = (
    Resource(
        "days", "analytics.curtailment_by_day", ("settlement_date",),
        "Curtailment of each settlement day.", span="day", is_filled=True, default_days=31,
        as_of=derived.as_of_days,
    ),
    Resource(
        "half-hours", "analytics.curtailment_by_period", ("settlement_date", "settlement_period"),
        "Curtailment of each half hour: 48 a day, 46 or 50 when the clocks change.", span="day", is_filled=True,
        by_period=True, default_days=1, most_days=366,
    ),
    Resource(
        "months", "analytics.curtailment_by_month", ("year_month",),
        "Curtailment of each calendar month.", span="month", span_column="year_month", is_filled=True,
        as_of=derived.as_of_months,
    ),
    Resource(
        "years", "analytics.curtailment_by_year", ("year",),
        "Curtailment of each calendar year.", span="year", span_column="year", is_filled=True,
        as_of=derived.as_of_years,
    ),
    Resource(
        "farms", "analytics.curtailment_by_farm_day", ("settlement_date", "farm_name"),
        "Curtailment of every wind farm with a bid on each day.", span="day", filters=_FARM, default_days=1,
        most_days=366,
    ),
    Resource(
        "farms/{farm}/days", "analytics.curtailment_by_farm_day", ("settlement_date",),
        "Curtailment of one wind farm on each day with a bid; a day that is missing has NULLs.", span="day",
        call=_OF_FARM, default_days=31,
    ),
    Resource(
        "farms/{farm}/months", "analytics.curtailment_by_farm_month", ("year_month",),
        "Curtailment of one wind farm in each month with a bid, and the share of what it notified that was lost.",
        span="month", span_column="year_month", call=_OF_FARM_BY_MONTH,
    ),
    Resource(
        "farms/{farm}/years", "analytics.curtailment_by_farm_year", ("year",),
        "Curtailment of one wind farm in each year with a bid, and the share of what it notified that was lost.",
        span="year", span_column="year", call=_OF_FARM_BY_YEAR,
    ),
    Resource(
        "farms/months", "analytics.curtailment_by_farm_month", ("year_month", "farm_name"),
        "Curtailment of every wind farm with a bid in each month.", span="month", span_column="year_month",
        filters=_FARM, default_days=31, most_days=3_660,
    ),
    Resource(
        "farms/years", "analytics.curtailment_by_farm_year", ("year", "farm_name"),
        "Curtailment of every wind farm with a bid in each year.", span="year", span_column="year",
        filters=_FARM, default_days=366, most_days=1_830,
    ),
    Resource(
        "zones/days", "analytics.curtailment_by_zone_day", ("settlement_date", "zone"),
        "Curtailment of every zone (GSP group) with a wind bid on each day; above_b6: north of the Scottish border.",
        span="day", filters=_ZONE, default_days=31, most_days=366,
    ),
    Resource(
        "zones/months", "analytics.curtailment_by_zone_month", ("year_month", "zone"),
        "Curtailment of every zone (GSP group) with a wind bid in each month.", span="month", span_column="year_month",
        filters=_ZONE,
    ),
    Resource(
        "units", "analytics.wind_farms", ("bmu_id",),
        "The BM units that the register ever had as wind, each with its farm.",
        filters=_FARM | _UNIT | _PARTY,
    ),
    Resource(
        "units/{unit}/days", "analytics.curtailment_by_unit_day", ("settlement_date",),
        "Curtailment of one BM unit on each day with a bid.", span="day", filters=_UNIT, default_days=31,
    ),
    Resource(
        "lead-parties/months", "analytics.curtailment_by_lead_party_month", ("year_month", "lead_party_name"),
        "Curtailment per lead party and month.", span="month", span_column="year_month", filters=_PARTY,
    ),
    Resource(
        "mining/days", "analytics.mining_potential_by_day", ("settlement_date", "miner_model"),
        "The Bitcoin that each day's energy could have mined: block subsidy only, no fees.", span="day",
        filters=_MODEL, is_filled=True, by_model=True, default_days=31,
    ),
    Resource(
        "mining/months", "analytics.mining_potential_by_month", ("year_month", "miner_model"),
        "The Bitcoin that each month's energy could have mined: block subsidy only, no fees.", span="month",
        span_column="year_month", filters=_MODEL, is_filled=True, by_model=True,
    ),
    Resource(
        "mining/years", "analytics.mining_potential_by_year", ("year", "miner_model"),
        "The Bitcoin that each year's energy could have mined: block subsidy only, no fees.", span="year",
        span_column="year", filters=_MODEL, is_filled=True, by_model=True,
    ),
    Resource("models", "minerecon.miner_models", ("miner_model",), "The miner models.", filters=_MODEL),
    Resource(
        "sizing", "analytics.sizing_curve", ("machine_count",),
        "What fleets of machines at a wind farm would have made; sizes as machines= or power_mw=, by comma.",
        span="day", call=_SIZING, default_days=31, takes=("farm", "model", "machines", "power_mw"), basis="so",
    ),
    Resource(
        "compare", "analytics.curtailment_by_day", ("settlement_date",),
        "Days beside the same days of another period: by default of the year before, else from the day with= on. 29"
        " February has no counterpart a year before.",
        span="day", default_days=31, most_days=1_100, takes=("with",), derive=derived.compare_days, note=_ALIKE,
    ),
    Resource(
        "compare/months", "analytics.curtailment_by_day", ("year_month",),
        "Months beside the same days of another period, as in `compare`.",
        span="day", default_days=366, most_days=1_100, takes=("with",), derive=derived.compare_months, note=_ALIKE,
    ),
    Resource(
        "compare/farms", "analytics.curtailment_by_farm_day", ("farm_name",),
        "Wind farms over days beside the same days of another period, as in `compare`.",
        span="day", default_days=31, most_days=366, filters=_FARM, takes=("with",), derive=derived.compare_farms,
        note=_ALIKE,
    ),
    Resource(
        "acceptances", "minerecon.curtailment_records",
        ("settlement_date", "settlement_period", "bmu_id", "acceptance_id", "bid_offer_pair_id", "sequence_number",
         "stack_side"),
        "All accepted wind bids, row by row as Elexon has them; so_flag says which are SO-flagged.", span="day",
        filters=_UNIT, default_days=1, most_days=31, basis="all",
        conditions={"farm": _UNITS_OF_FARM, "period": "CAST(v.settlement_period AS text) = %(period)s"},
        null_keys=("acceptance_id", "bid_offer_pair_id"),
    ),
    Resource(
        "restatements", "minerecon.restatements", ("restatement_id",),
        "Changes of final figures at the source: before and after.", span="day",
    ),
    Resource(
        "checks", "analytics.checks_now", ("settlement_date", "check_family", "check_name"),
        "The latest evaluation of each check of each day.", span="day", default_days=31, most_days=366,
        where="v.scope = 'day'",
    ),
    Resource(
        "verifications", "minerecon.verifications", ("verification_id",),
        "Comparisons of stored days with Elexon.", span="day",
    ),
    Resource(
        "calendar", "analytics.settlement_days", ("settlement_date",),
        "Every settlement day with its state.", span="day", is_filled=True, default_days=366,
    ),
    Resource(
        "published", "minerecon.published_figures", ("figure_id",),
        "Totals that others have published, each with its source and what is known of it; ours beside it, and the"
        " difference.",
        filters=_MODEL, derive=derived.published,
        note="A difference is given where all days of a figure are stored here and none of them is made up.",
    ),
    Resource(
        "exports", "analytics.curtailment_by_month", ("year_month", "view_name"),
        "The files that the export of each month has, and the same rows by this API.", span="month",
        span_column="year_month", derive=derived.exports_of(_ROWS_OF_FILES),
        note="This login cannot read the archive: which of the files are written there, with their bytes and SHA-256,"
        " stands in the month's manifest_file beside them. What is here is what the views make them of.",
    ),
    Resource(
        "status", "analytics.reconciliation_status", ("settlement_date",),
        "How each day that was ever attempted stands: its status and the checks that do not pass.", span="day",
        default_days=31,
    ),
)  # fmt: skip
"""Every resource, in the order of the documentation."""
