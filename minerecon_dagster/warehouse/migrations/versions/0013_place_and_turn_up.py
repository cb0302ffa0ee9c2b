"""The zones of BM units, the sites of wind farms, the turn-up estimate of periods, fuels, days, months and years, and CO2.

Versions of units that are stored get their zones from the archived answers of the register, by the next run that works
on days or on the register; stored days get their turn-up from their archived offers, since `daily_ingest` builds them
again, the oldest first (`minerecon reingest FROM TO --from-archive` does all at once). Nothing is asked of Elexon. The
CO2 by the CCGT factor follows from what is stored, here.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _zones()
    _sites()
    _turn_up()
    _of_days()
    _of_sums()
    _published()


def _zones() -> None:
    op.add_column(
        "bm_units",
        sa.Column(
            "gsp_group_id",
            sa.Text(),
            comment="Zone: the GSP group, _A to _P; NULL where the register does not say it.",
        ),
        schema="minerecon",
    )
    op.add_column(
        "bm_units",
        sa.Column(
            "zone_basis",
            sa.Text(),
            comment="How the zone is known: gsp_group (the register has it) or loss_factor (all located units with the "
            "same transmission loss factor are there); NULL where it is not known.",
        ),
        schema="minerecon",
    )
    op.add_column(
        "bm_units",
        sa.Column(
            "above_b6",
            sa.Boolean(),
            sa.Computed("gsp_group_id IN ('_N', '_P')", persisted=True),
            comment="Whether it is north of boundary B6, between Scotland and England: in zone _N or _P.",
        ),
        schema="minerecon",
    )
    op.add_column(
        "bm_units",
        sa.Column(
            "above_b4",
            sa.Boolean(),
            sa.Computed("gsp_group_id = '_P'", persisted=True),
            comment="Whether it is in the GSP group of North Scotland (_P): about north of boundary B4.",
        ),
        schema="minerecon",
    )
    op.create_check_constraint(
        op.f("bm_units_zone_check"),
        "bm_units",
        "gsp_group_id ~ '^_[A-P]$' AND zone_basis IN ('gsp_group', 'loss_factor')"
        " OR gsp_group_id IS NULL AND zone_basis IS NULL",
        schema="minerecon",
    )


def _turn_up() -> None:
    op.create_table(
        "emission_factors",
        sa.Column("fuel", sa.Text(), nullable=False, comment="Fuel type, as the register of BM units has it."),
        sa.Column(
            "valid_from",
            sa.Date(),
            nullable=False,
            comment="First day of which it holds; year 1: of all before, too.",
        ),
        sa.Column("g_per_kwh", sa.Numeric(), nullable=False, comment="Grams of CO2 per kWh, which are kg per MWh."),
        sa.Column("source", sa.Text(), nullable=False, comment="Who publishes it."),
        sa.CheckConstraint("g_per_kwh >= 0", name=op.f("emission_factors_not_negative_check")),
        sa.PrimaryKeyConstraint("fuel", "valid_from", name=op.f("emission_factors_pkey")),
        schema="minerecon",
        comment="Emission factors of fuels. The list in the code is the master.",
    )
    op.create_table(
        "turn_up_by_period",
        _settlement_date(),
        sa.Column(
            "settlement_period",
            sa.SmallInteger(),
            nullable=False,
            comment="Settlement period, counted from 1: 48 a day, 46 or 50 when the clocks change.",
        ),
        _needed("target_mwh", "SO-flagged wind bids of the period, in MWh: above 0."),
        _needed(
            "turn_up_mwh",
            "What of target_mwh the cheapest accepted offers cover, in MWh: those that are not SO-flagged first.",
        ),
        _needed("uncovered_mwh", "What no offer covers, in MWh: target − turn-up."),
        _needed("turn_up_estimate_gbp", "The price of turn_up_mwh, in GBP: an estimate."),
        _needed("unflagged_mwh", "What of turn_up_mwh is of offers without SO-flag, in MWh."),
        _needed(
            "wind_offers_mwh", "What of turn_up_mwh is of wind units, in MWh: as a rule their own bids taken back."
        ),
        sa.Column(
            "unpriced_offer_rows",
            sa.Integer(),
            nullable=False,
            comment="Offers without a price, which are never taken.",
        ),
        _needed(
            "flagged_offers_mwh",
            "All SO-flagged offers of others than wind units, in MWh: a wider figure by another method.",
        ),
        _needed("flagged_offers_gbp", "The price of flagged_offers_mwh, in GBP."),
        sa.CheckConstraint("settlement_period BETWEEN 1 AND 50", name=op.f("turn_up_by_period_period_range_check")),
        sa.CheckConstraint("target_mwh > 0", name=op.f("turn_up_by_period_target_check")),
        _of_a_stored_day("turn_up_by_period"),
        sa.PrimaryKeyConstraint("settlement_date", "settlement_period", name=op.f("turn_up_by_period_pkey")),
        schema="minerecon",
        comment="Turn-up estimate of each period with SO-flagged wind bids whose offers are there: what the cheapest "
        "accepted offers would cost that make up for them, by the method of wastedwind.energy.",
    )
    op.create_table(
        "turn_up_by_fuel_day",
        _settlement_date(),
        sa.Column(
            "fuel",
            sa.Text(),
            nullable=False,
            comment="Fuel type of the unit in the register in force; trade (numbered actions outside the Balancing "
            "Mechanism) or unknown.",
        ),
        _needed("turn_up_mwh", "Turn-up estimate from the fuel, in MWh."),
        _needed("turn_up_estimate_gbp", "Its price, in GBP: an estimate."),
        sa.Column(
            "co2_t",
            sa.Numeric(),
            comment="Its CO2 in tonnes by emission_factors; NULL where there is no factor.",
        ),
        _of_a_stored_day("turn_up_by_fuel_day"),
        sa.PrimaryKeyConstraint("settlement_date", "fuel", name=op.f("turn_up_by_fuel_day_pkey")),
        schema="minerecon",
        comment="A day's turn-up estimate by fuel: the sums of the same walk as in turn_up_by_period.",
    )


def _settlement_date() -> sa.Column[Any]:
    return sa.Column(
        "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
    )


def _needed(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Numeric(), nullable=False, comment=comment)


def _of_a_stored_day(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["settlement_date"],
        ["minerecon.daily_summaries.summary_date"],
        name=op.f(f"{table}_settlement_date_fkey"),
        ondelete="CASCADE",
        deferrable=True,
        initially="DEFERRED",
    )


_FIGURES = {
    "turn_up_mwh": "Turn-up estimate: energy of the cheapest accepted offers that make up for curtailed_mwh, in MWh.",
    "turn_up_estimate_gbp": "Turn-up estimate: the price of turn_up_mwh, in GBP; no payment.",
    "turn_up_target_mwh": "curtailed_mwh where turn-up is known, in MWh: what turn_up_mwh is to cover.",
    "cost_with_turn_up_estimate_gbp": "payment_gbp and turn_up_estimate_gbp together, in GBP.",
    "co2_ccgt_t": "CO2 of as much energy as curtailed_mwh from gas (CCGT), in tonnes: by emission_factors.",
    "co2_known_mwh": "What of turn_up_mwh is of fuels with an emission factor, in MWh.",
    "co2_known_t": "CO2 of co2_known_mwh by the factors of its fuels, in tonnes.",
}
_DERIVED = {
    "turn_up_target_mwh": "CASE WHEN turn_up_mwh IS NOT NULL THEN curtailed_mwh END",
    "cost_with_turn_up_estimate_gbp": "paid_gbp - refunded_gbp + turn_up_estimate_gbp",
}
_SHARES = {
    "turn_up_coverage": (
        "turn_up_mwh / NULLIF({target}, 0)",
        "What of turn_up_target_mwh offers cover (0 to 1); NULL where there is nothing to cover.",
    ),
    "co2_known_share": (
        "co2_known_mwh / NULLIF(turn_up_mwh, 0)",
        "What of turn_up_mwh co2_known_t is of (0 to 1); NULL where there is none.",
    ),
}


def _of_days() -> None:
    for name, meaning in _FIGURES.items():
        derived = [sa.Computed(_DERIVED[name], persisted=True)] if name in _DERIVED else []
        comment = f"{meaning} NULL where it is not known."
        op.add_column("daily_summaries", sa.Column(name, sa.Numeric(), *derived, comment=comment), schema="minerecon")
    _shares("daily_summaries", "curtailed_mwh")
    op.create_check_constraint(
        op.f("daily_summaries_turn_up_check"),
        "daily_summaries",
        "turn_up_mwh >= 0 AND co2_known_mwh BETWEEN 0 AND turn_up_mwh",
        schema="minerecon",
    )
    op.create_table_comment(
        "daily_summaries",
        "A settlement day's curtailment, derived from curtailment_records, and the turn-up estimate for it.",
        schema="minerecon",
    )
    # The factor of CCGT of this time, in kg/MWh. A product is exact, and a quotient may be rounded.
    op.execute("UPDATE minerecon.daily_summaries SET co2_ccgt_t = curtailed_mwh * 394 * 0.001")


def _of_sums() -> None:
    keys = {
        "monthly_summaries": "to_char(CAST(d.summary_date AS timestamp), 'YYYY-MM') = s.year_month",
        "yearly_summaries": "extract(year FROM d.summary_date) = s.year",
    }
    for table, of_sum in keys.items():
        for name, meaning in _FIGURES.items():
            comment = f"{meaning} Of the days that have it; NULL where none has."
            op.add_column(table, sa.Column(name, sa.Numeric(), comment=comment), schema="minerecon")
        _shares(table, "turn_up_target_mwh")
        for name, figure in (("turn_up_days", "turn_up_mwh"), ("co2_days", "co2_ccgt_t")):
            counted = sa.Column(
                name, sa.SmallInteger(), nullable=False, server_default="0", comment=f"Days that have {figure}."
            )
            op.add_column(table, counted, schema="minerecon")
        op.execute(
            f"UPDATE minerecon.{table} AS s SET (co2_ccgt_t, co2_days) ="  # noqa: S608 - constants
            f" (SELECT sum(d.co2_ccgt_t), count(d.co2_ccgt_t) FROM minerecon.daily_summaries AS d WHERE {of_sum})"
        )


def _shares(table: str, target: str) -> None:
    for name, (derived, comment) in _SHARES.items():
        computed = sa.Computed(derived.format(target=target), persisted=True)
        op.add_column(table, sa.Column(name, sa.Numeric(), computed, comment=comment), schema="minerecon")


def _published() -> None:
    name = op.f("published_figures_figure_check")
    op.drop_constraint(name, "published_figures", schema="minerecon")
    op.create_check_constraint(
        name,
        "published_figures",
        "(figure, unit) IN (('curtailed_mwh', 'MWh'), ('payment_gbp', 'GBP'), ('mined_btc', 'BTC'),"
        " ('turn_up_estimate_gbp', 'GBP'))",
        schema="minerecon",
    )
    op.alter_column(
        "published_figures",
        "figure",
        comment="What it is: curtailed_mwh, payment_gbp, mined_btc or turn_up_estimate_gbp.",
        schema="minerecon",
    )


def _sites() -> None:
    op.create_table(
        "wind_sites",
        sa.Column("bmu_id", sa.Text(), nullable=False, comment="BM unit."),
        sa.Column("technology", sa.Text(), nullable=False, comment="onshore or offshore."),
        sa.Column("latitude", sa.Numeric(), comment="Latitude in degrees (WGS 84); NULL where it is not known."),
        sa.Column("longitude", sa.Numeric(), comment="Longitude in degrees (WGS 84); NULL where it is not known."),
        sa.Column(
            "connection_latitude",
            sa.Numeric(),
            comment="Latitude of where an offshore farm comes to land; NULL: not known.",
        ),
        sa.Column("connection_longitude", sa.Numeric(), comment="Longitude of the same; NULL where it is not known."),
        sa.Column("source", sa.Text(), nullable=False, comment="Whose facts these are."),
        sa.Column("licence", sa.Text(), nullable=False, comment="The licence of these facts."),
        sa.CheckConstraint("technology IN ('onshore', 'offshore')", name=op.f("wind_sites_technology_check")),
        sa.PrimaryKeyConstraint("bmu_id", name=op.f("wind_sites_pkey")),
        schema="minerecon",
        comment="Where wind units are, of which a reviewed source says it. The list in the code, wind_sites.toml, is the "
        "master.",
    )
