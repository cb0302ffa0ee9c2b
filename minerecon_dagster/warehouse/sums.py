"""The additive columns of a day, and the months and years that add them up: the one list, and the one set of names.

A new figure that days, months and years have is a line in `ADDITIVE`, a migration that adds the column to the tables of
days, months and years, and the words that show it. The SQL of days (``sql/day``), of their checks and of the roll-ups
takes its columns from here: `names` puts them into a statement's text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import BigInteger, Column, Computed, Integer, Numeric, SmallInteger

Grain = Literal["month", "year"]


@dataclass(frozen=True)
class Additive:
    """A figure that is added up from records to days, and from days to months and years.

    Args:
        name: the column, with its unit as its last word.
        meaning: its sentence, of a day.
        of_records: SQL over the rows of ``curtailment_records`` that belong together: how it is built.
        recomputed: the same from volumes (``volume_mwh``) and their worth (``gbp``) alone, which the stored figure is
            checked by; another formula, so that a fault of one shows in the other.
        made_of: columns of ``curtailment_records``, for the lineage.
        in_parts: whether units and periods have it as a column.
        of_parts: SQL over the columns of units or of periods; by itself where they have it.
        is_count: whether it counts rows.
        meaning_of_sums: its sentence of a month, a year, a unit or a period, where that is another one.
    """

    name: str
    meaning: str
    of_records: str
    recomputed: str
    made_of: tuple[str, ...]
    in_parts: bool = True
    of_parts: str = ""
    is_count: bool = False
    meaning_of_sums: str = ""

    def column(self, meaning: str, *, of_days: bool = False) -> Column[Any]:
        """The column with a sentence; of a table that adds days up, or else of one day's."""
        count = BigInteger if of_days else Integer
        return Column(self.name, count if self.is_count else Numeric, nullable=False, comment=meaning)


ADDITIVE = (
    Additive(
        "curtailed_mwh",
        "Headline: SO-flagged curtailed energy, in MWh.",
        of_records="coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag), 0)",
        recomputed="coalesce(sum(-volume_mwh) FILTER (WHERE so_flag), 0)",
        made_of=("curtailed_mwh", "so_flag"),
    ),
    Additive(
        "paid_gbp",
        "Paid to farms for SO-flagged energy, in GBP, not negative.",
        of_records="coalesce(sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp > 0), 0)",
        recomputed="coalesce(sum(greatest(gbp, 0)) FILTER (WHERE so_flag), 0)",
        made_of=("payment_gbp", "so_flag"),
        meaning_of_sums="Paid to farms for SO-flagged energy, in GBP.",
    ),
    Additive(
        "refunded_gbp",
        "Paid by farms for SO-flagged energy, in GBP, not negative.",
        of_records="coalesce(-sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp < 0), 0)",
        recomputed="coalesce(sum(greatest(-gbp, 0)) FILTER (WHERE so_flag), 0)",
        made_of=("payment_gbp", "so_flag"),
        meaning_of_sums="Paid by farms for SO-flagged energy, in GBP.",
    ),
    Additive(
        "unpriced_mwh",
        "SO-flagged energy without a price, in MWh: in no payment.",
        of_records="coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag AND payment_gbp IS NULL), 0)",
        recomputed="coalesce(sum(-volume_mwh) FILTER (WHERE so_flag AND gbp IS NULL), 0)",
        made_of=("curtailed_mwh", "original_price_gbp_per_mwh"),
        meaning_of_sums="SO-flagged energy without a price, in MWh.",
    ),
    Additive(
        "all_bids_mwh",
        "Energy of all accepted wind bids, any flag, in MWh.",
        of_records="coalesce(sum(curtailed_mwh), 0)",
        recomputed="coalesce(sum(-volume_mwh), 0)",
        made_of=("curtailed_mwh",),
    ),
    Additive(
        "all_bids_payment_gbp",
        "Net payment for all accepted wind bids, in GBP.",
        of_records="coalesce(sum(payment_gbp), 0)",
        recomputed="coalesce(sum(gbp), 0)",
        made_of=("payment_gbp",),
        in_parts=False,
        of_parts="all_bids_paid_gbp - all_bids_refunded_gbp",
        meaning_of_sums="Net payment for all wind bids, in GBP.",
    ),
    Additive(
        "record_count",
        "Accepted wind bids, any flag.",
        of_records="count(*)",
        recomputed="count(*)",
        made_of=("bmu_id",),
        is_count=True,
    ),
    Additive(
        "so_record_count",
        "SO-flagged wind bids.",
        of_records="count(*) FILTER (WHERE so_flag)",
        recomputed="count(*) FILTER (WHERE so_flag)",
        made_of=("so_flag",),
        is_count=True,
    ),
)
"""What a day's records add up to."""

OF_PARTS = (
    Additive(
        "all_bids_paid_gbp",
        "Paid to farms for all wind bids, in GBP.",
        of_records="coalesce(sum(payment_gbp) FILTER (WHERE payment_gbp > 0), 0)",
        recomputed="coalesce(sum(greatest(gbp, 0)), 0)",
        made_of=("payment_gbp",),
    ),
    Additive(
        "all_bids_refunded_gbp",
        "Paid by farms for all wind bids, in GBP.",
        of_records="coalesce(-sum(payment_gbp) FILTER (WHERE payment_gbp < 0), 0)",
        recomputed="coalesce(sum(greatest(-gbp, 0)), 0)",
        made_of=("payment_gbp",),
    ),
    Additive(
        "all_bids_unpriced_mwh",
        "Energy of all bids without a price, in MWh.",
        of_records="coalesce(sum(curtailed_mwh) FILTER (WHERE payment_gbp IS NULL), 0)",
        recomputed="coalesce(sum(-volume_mwh) FILTER (WHERE gbp IS NULL), 0)",
        made_of=("curtailed_mwh", "original_price_gbp_per_mwh"),
    ),
)
"""What units and periods have beside the columns of days that they have (`Additive.in_parts`)."""


@dataclass(frozen=True)
class WindOutput:
    """Wind output: of the whole of a day, month or year, or NULL.

    Args:
        name: the column.
        meaning: its sentence of a day.
        meaning_of_sums: its sentence of a month or a year.
        made_of: columns of ``wind_generation_data``, for the lineage.
    """

    name: str
    meaning: str
    meaning_of_sums: str
    made_of: tuple[str, ...]


WIND_OUTPUT = (
    WindOutput(
        "wind_generation_mwh",
        "Wind output of the day in MWh; NULL where it is not known.",
        "Wind output in MWh; NULL where it is not known of a day.",
        ("wind_onshore_mw", "wind_offshore_mw"),
    ),
    WindOutput(
        "wind_onshore_mwh",
        "Onshore wind output in MWh; NULL where it is not known.",
        "Onshore wind output in MWh; NULL where not known of a day.",
        ("wind_onshore_mw",),
    ),
    WindOutput(
        "wind_offshore_mwh",
        "Offshore wind output in MWh; NULL where it is not known.",
        "Offshore wind output in MWh; NULL where not known of a day.",
        ("wind_offshore_mw",),
    ),
)


@dataclass(frozen=True)
class Known:
    """A figure that not every day has: a month or a year sums those that have it, and is NULL where none has.

    Args:
        name: the column.
        meaning: its sentence, of a day; that of a month or a year adds that it is of the days that have it.
        made_of: tables and columns for the lineage.
        derived: SQL by which the database derives it of a day; empty where the build writes it.
    """

    name: str
    meaning: str
    made_of: tuple[str, ...] = ()
    derived: str = ""


TURN_UP = (
    Known(
        "turn_up_mwh",
        "Turn-up estimate: energy of the cheapest accepted offers that make up for curtailed_mwh, in MWh.",
    ),
    Known("turn_up_estimate_gbp", "Turn-up estimate: the price of turn_up_mwh, in GBP; no payment."),
    Known(
        "turn_up_target_mwh",
        "curtailed_mwh where turn-up is known, in MWh: what turn_up_mwh is to cover.",
        ("curtailed_mwh", "so_flag"),
        "CASE WHEN turn_up_mwh IS NOT NULL THEN curtailed_mwh END",
    ),
    Known(
        "cost_with_turn_up_estimate_gbp",
        "payment_gbp and turn_up_estimate_gbp together, in GBP.",
        ("payment_gbp", "so_flag"),
        "paid_gbp - refunded_gbp + turn_up_estimate_gbp",
    ),
    Known(
        "co2_ccgt_t",
        "CO2 of as much energy as curtailed_mwh from gas (CCGT), in tonnes: by emission_factors.",
        ("curtailed_mwh", "so_flag"),
    ),
    Known("co2_known_mwh", "What of turn_up_mwh is of fuels with an emission factor, in MWh."),
    Known("co2_known_t", "CO2 of co2_known_mwh by the factors of its fuels, in tonnes."),
)
"""What it would have cost to make elsewhere what was curtailed, and its CO2; NULL where offers were not fetched."""

COUNTED = {"turn_up_days": "turn_up_mwh", "co2_days": "co2_ccgt_t"}
"""How many days of a month or year have a figure: the column that says it, and the figure."""

SUMMED = tuple(x.name for x in (*ADDITIVE, *WIND_OUTPUT, *TURN_UP))
"""The columns of days that months and years add up."""
_NOT_SEALED = (
    "payment_gbp", "curtailed_share", "turn_up_coverage", "co2_known_share", "is_complete", "built_at", "summed",
    "summed_days",
)  # fmt: skip
"""What a month's row has beside figures: computed from these by the database, or about the making of them."""


def columns_of_a_day() -> list[Column[Any]]:
    """What a day's records add up to; made anew for each table, as all of these are."""
    return [a.column(a.meaning) for a in ADDITIVE]


def columns_of_days() -> list[Column[Any]]:
    """The same of a month's or a year's days."""
    return [a.column(a.meaning_of_sums or a.meaning, of_days=True) for a in ADDITIVE]


def columns_of_parts() -> list[Column[Any]]:
    """The same of a unit or a period."""
    return [a.column(a.meaning_of_sums or a.meaning) for a in _parts()]


def wind_output_of_a_day() -> list[Column[Any]]:
    """A day's wind output."""
    return [Column(w.name, Numeric, comment=w.meaning) for w in WIND_OUTPUT]


def wind_output_of_days() -> list[Column[Any]]:
    """The same of a month's or a year's days."""
    return [Column(w.name, Numeric, comment=w.meaning_of_sums) for w in WIND_OUTPUT]


def turn_up_of_a_day() -> list[Column[Any]]:
    """A day's turn-up and CO2."""
    columns = [
        Column(k.name, Numeric, Computed(k.derived, persisted=True), comment=f"{k.meaning} NULL where it is not known.")
        if k.derived
        else Column(k.name, Numeric, comment=f"{k.meaning} NULL where it is not known.")
        for k in TURN_UP
    ]
    return [*columns, *_shares_of_turn_up("curtailed_mwh")]


def turn_up_of_days() -> list[Column[Any]]:
    """The same of a month's or a year's days, and how many of these have it."""
    return [
        *(
            Column(k.name, Numeric, comment=f"{k.meaning} Of the days that have it; NULL where none has.")
            for k in TURN_UP
        ),
        *_shares_of_turn_up("turn_up_target_mwh"),
        *(
            Column(name, SmallInteger, nullable=False, server_default="0", comment=f"Days that have {figure}.")
            for name, figure in COUNTED.items()
        ),
    ]


def _shares_of_turn_up(target: str) -> list[Column[Any]]:
    # What the database derives it does not derive from what it derives: of a day the target is its curtailed_mwh.
    return [
        Column(
            "turn_up_coverage",
            Numeric,
            Computed(f"turn_up_mwh / NULLIF({target}, 0)", persisted=True),
            comment="What of turn_up_target_mwh offers cover (0 to 1); NULL where there is nothing to cover.",
        ),
        Column(
            "co2_known_share",
            Numeric,
            Computed("co2_known_mwh / NULLIF(turn_up_mwh, 0)", persisted=True),
            comment="What of turn_up_mwh co2_known_t is of (0 to 1); NULL where there is none.",
        ),
    ]


def net_payment() -> Column[Any]:
    """What farms were paid for SO-flagged energy, less what they paid."""
    return Column(
        "payment_gbp",
        Numeric,
        Computed("paid_gbp - refunded_gbp", persisted=True),
        nullable=False,
        comment="Net payment to farms for SO-flagged energy, in GBP: paid − refunded.",
    )


def curtailed_share() -> Column[Any]:
    """What of the wind output, and of what it would have been, was curtailed."""
    return Column(
        "curtailed_share",
        Numeric,
        Computed("curtailed_mwh / NULLIF(wind_generation_mwh + curtailed_mwh, 0)", persisted=True),
        comment="SO-flagged curtailed energy over generated plus curtailed; NULL where generation is not known.",
    )


@dataclass(frozen=True)
class _Tables:
    """Where the sums of a grain are, and how a key, or a day's key, is written in SQL."""

    sums: str
    bitcoin: str
    key: str
    key_type: str
    first_day: Callable[[str], str]
    next_day: Callable[[str], str]
    key_of: Callable[[str], str]


_TABLES: Mapping[Grain, _Tables] = {
    "month": _Tables(
        sums="monthly_summaries",
        bitcoin="bitcoin_monthly_summaries",
        key="year_month",
        key_type="text",
        first_day=lambda key: f"to_date({key}, 'YYYY-MM')",
        next_day=lambda key: f"CAST(to_date({key}, 'YYYY-MM') + interval '1 month' AS date)",
        key_of=lambda day: f"to_char(CAST({day} AS timestamp), 'YYYY-MM')",
    ),
    "year": _Tables(
        sums="yearly_summaries",
        bitcoin="bitcoin_yearly_summaries",
        key="year",
        key_type="smallint",
        first_day=lambda key: f"make_date({key}, 1, 1)",
        next_day=lambda key: f"make_date({key} + 1, 1, 1)",
        key_of=lambda day: f"CAST(extract(year FROM {day}) AS smallint)",
    ),
}


def names(grain: Grain | None = None) -> Mapping[str, str]:
    """What ``$name`` stands for in the statements of days, and, of a grain, in those of its sums.

    Columns are in the same order wherever they stand; ``d`` is a day, ``s`` a sum, ``p`` what is asked for.
    """
    coalesced = [f"coalesce(sum({a.of_parts or a.name}), 0) AS {a.name}" for a in ADDITIVE]
    found = {
        "day_columns": _listed(a.name for a in ADDITIVE),
        "day_of_records": _listed(a.of_records for a in ADDITIVE),
        "day_of_records_named": _listed(f"{a.of_records} AS {a.name}" for a in ADDITIVE),
        "day_of_parts_named": _listed(coalesced),
        "day_from_excluded": _listed(f"{a.name} = excluded.{a.name}" for a in ADDITIVE),
        "day_values": _listed(f"('{a.name}', CAST(r.{a.name} AS numeric), CAST(s.{a.name} AS numeric))"
                               for a in ADDITIVE),
        "r_day_columns": _listed(f"r.{a.name}" for a in ADDITIVE),
        "d_columns": _listed(f"d.{a.name}" for a in ADDITIVE),
        "r_columns_or_0": _listed(f"coalesce(r.{a.name}, 0)" for a in ADDITIVE),
        "u_columns_or_0": _listed(f"coalesce(u.{a.name}, 0)" for a in ADDITIVE),
        "p_columns_or_0": _listed(f"coalesce(p.{a.name}, 0)" for a in ADDITIVE),
        "part_columns": _listed(a.name for a in _parts()),
        "part_of_records": _listed(a.of_records for a in _parts()),
        "part_recomputed": _listed(f"{a.recomputed} AS {a.name}" for a in _parts()),
        "u_part_columns": _listed(f"u.{a.name}" for a in _parts()),
        "p_part_columns": _listed(f"p.{a.name}" for a in _parts()),
        "e_part_columns": _listed(f"e.{a.name}" for a in _parts()),
    }  # fmt: skip
    if grain is None:
        return found
    tables = _TABLES[grain]
    sums = [f"sum({a.name}) AS {a.name}" for a in ADDITIVE]
    # Wind output is known of the whole or not at all.
    sums += [f"CASE WHEN count(*) = count({w.name}) THEN sum({w.name}) END AS {w.name}" for w in WIND_OUTPUT]
    # Of the days that have it, and NULL where none has.
    sums += [f"sum({k.name}) AS {k.name}" for k in TURN_UP]
    sums += [f"count({figure}) AS {name}" for name, figure in COUNTED.items()]
    return found | {
        "sums": f"minerecon.{tables.sums}",
        "bitcoin": f"minerecon.{tables.bitcoin}",
        "key": tables.key,
        "key_type": tables.key_type,
        "key_of_summary_date": tables.key_of("summary_date"),
        "key_of_settlement_date": tables.key_of("settlement_date"),
        "first_day_of_key": tables.first_day(tables.key),
        "next_day_of_key": tables.next_day(tables.key),
        "sum_columns": _listed((*SUMMED, *COUNTED)),
        "sums_of_days": _listed(sums),
        "not_sealed": _listed(f"'{name}'" for name in _NOT_SEALED),
    }


def _parts() -> tuple[Additive, ...]:
    """In the order of the columns of units and periods."""
    return (*(a for a in ADDITIVE if a.in_parts), *OF_PARTS)


def _listed(parts: Iterable[str]) -> str:
    return ",\n       ".join(parts)
