"""Analysts: sums per unit and per period, names of wind farms, published figures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BOTH_BASES = """
    coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag), 0),
    coalesce(sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp > 0), 0),
    coalesce(-sum(payment_gbp) FILTER (WHERE so_flag AND payment_gbp < 0), 0),
    coalesce(sum(curtailed_mwh) FILTER (WHERE so_flag AND payment_gbp IS NULL), 0),
    sum(curtailed_mwh),
    coalesce(sum(payment_gbp) FILTER (WHERE payment_gbp > 0), 0),
    coalesce(-sum(payment_gbp) FILTER (WHERE payment_gbp < 0), 0),
    coalesce(sum(curtailed_mwh) FILTER (WHERE payment_gbp IS NULL), 0),
    count(*), count(*) FILTER (WHERE so_flag)
"""


def upgrade() -> None:
    op.create_table(
        "unit_daily_summaries",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column("bmu_id", sa.Text(), nullable=False, comment="BM unit with an accepted wind bid on the day."),
        sa.Column(
            "lead_party_name",
            sa.Text(),
            nullable=True,
            comment="Lead party of the unit, from the register version in force.",
        ),
        sa.Column(
            "curtailed_mwh", sa.Numeric(), nullable=False, comment="Headline: SO-flagged curtailed energy, in MWh."
        ),
        sa.Column("paid_gbp", sa.Numeric(), nullable=False, comment="Paid to farms for SO-flagged energy, in GBP."),
        sa.Column("refunded_gbp", sa.Numeric(), nullable=False, comment="Paid by farms for SO-flagged energy, in GBP."),
        sa.Column(
            "payment_gbp",
            sa.Numeric(),
            sa.Computed("paid_gbp - refunded_gbp", persisted=True),
            nullable=False,
            comment="Net payment to farms for SO-flagged energy, in GBP: paid − refunded.",
        ),
        sa.Column("unpriced_mwh", sa.Numeric(), nullable=False, comment="SO-flagged energy without a price, in MWh."),
        sa.Column(
            "all_bids_mwh", sa.Numeric(), nullable=False, comment="Energy of all accepted wind bids, any flag, in MWh."
        ),
        sa.Column(
            "all_bids_paid_gbp", sa.Numeric(), nullable=False, comment="Paid to farms for all wind bids, in GBP."
        ),
        sa.Column(
            "all_bids_refunded_gbp", sa.Numeric(), nullable=False, comment="Paid by farms for all wind bids, in GBP."
        ),
        sa.Column(
            "all_bids_payment_gbp",
            sa.Numeric(),
            sa.Computed("all_bids_paid_gbp - all_bids_refunded_gbp", persisted=True),
            nullable=False,
            comment="Net payment to farms for all wind bids, in GBP: paid − refunded.",
        ),
        sa.Column(
            "all_bids_unpriced_mwh", sa.Numeric(), nullable=False, comment="Energy of all bids without a price, in MWh."
        ),
        sa.Column("record_count", sa.Integer(), nullable=False, comment="Accepted wind bids, any flag."),
        sa.Column("so_record_count", sa.Integer(), nullable=False, comment="SO-flagged wind bids."),
        sa.Column(
            "period_count",
            sa.SmallInteger(),
            nullable=False,
            comment="Settlement periods with an accepted bid, any flag.",
        ),
        sa.Column(
            "so_period_count", sa.SmallInteger(), nullable=False, comment="Settlement periods with an SO-flagged bid."
        ),
        sa.CheckConstraint(
            "paid_gbp >= 0 AND refunded_gbp >= 0 AND all_bids_paid_gbp >= paid_gbp AND all_bids_refunded_gbp >= refunded_gbp AND all_bids_mwh >= curtailed_mwh AND record_count >= so_record_count",
            name=op.f("unit_daily_summaries_all_bids_cover_so_check"),
        ),
        sa.ForeignKeyConstraint(
            ["settlement_date"],
            ["minerecon.daily_summaries.summary_date"],
            name=op.f("unit_daily_summaries_settlement_date_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("settlement_date", "bmu_id", name=op.f("unit_daily_summaries_pkey")),
        schema="minerecon",
        comment="A day's curtailment per BM unit: the sums of curtailment_records. Units without a bid have no row.",
    )
    op.create_table(
        "period_summaries",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column(
            "settlement_period",
            sa.SmallInteger(),
            nullable=False,
            comment="Settlement period, counted from 1: 48 a day, 46 or 50 when the clocks change.",
        ),
        sa.Column(
            "curtailed_mwh", sa.Numeric(), nullable=False, comment="Headline: SO-flagged curtailed energy, in MWh."
        ),
        sa.Column("paid_gbp", sa.Numeric(), nullable=False, comment="Paid to farms for SO-flagged energy, in GBP."),
        sa.Column("refunded_gbp", sa.Numeric(), nullable=False, comment="Paid by farms for SO-flagged energy, in GBP."),
        sa.Column(
            "payment_gbp",
            sa.Numeric(),
            sa.Computed("paid_gbp - refunded_gbp", persisted=True),
            nullable=False,
            comment="Net payment to farms for SO-flagged energy, in GBP: paid − refunded.",
        ),
        sa.Column("unpriced_mwh", sa.Numeric(), nullable=False, comment="SO-flagged energy without a price, in MWh."),
        sa.Column(
            "all_bids_mwh", sa.Numeric(), nullable=False, comment="Energy of all accepted wind bids, any flag, in MWh."
        ),
        sa.Column(
            "all_bids_paid_gbp", sa.Numeric(), nullable=False, comment="Paid to farms for all wind bids, in GBP."
        ),
        sa.Column(
            "all_bids_refunded_gbp", sa.Numeric(), nullable=False, comment="Paid by farms for all wind bids, in GBP."
        ),
        sa.Column(
            "all_bids_payment_gbp",
            sa.Numeric(),
            sa.Computed("all_bids_paid_gbp - all_bids_refunded_gbp", persisted=True),
            nullable=False,
            comment="Net payment to farms for all wind bids, in GBP: paid − refunded.",
        ),
        sa.Column(
            "all_bids_unpriced_mwh", sa.Numeric(), nullable=False, comment="Energy of all bids without a price, in MWh."
        ),
        sa.Column("record_count", sa.Integer(), nullable=False, comment="Accepted wind bids, any flag."),
        sa.Column("so_record_count", sa.Integer(), nullable=False, comment="SO-flagged wind bids."),
        sa.Column(
            "bmu_count", sa.SmallInteger(), nullable=False, comment="BM units with an accepted wind bid, any flag."
        ),
        sa.Column("so_bmu_count", sa.SmallInteger(), nullable=False, comment="BM units with an SO-flagged wind bid."),
        sa.CheckConstraint(
            "paid_gbp >= 0 AND refunded_gbp >= 0 AND all_bids_paid_gbp >= paid_gbp AND all_bids_refunded_gbp >= refunded_gbp AND all_bids_mwh >= curtailed_mwh AND record_count >= so_record_count",
            name=op.f("period_summaries_all_bids_cover_so_check"),
        ),
        sa.CheckConstraint("settlement_period BETWEEN 1 AND 50", name=op.f("period_summaries_period_range_check")),
        sa.ForeignKeyConstraint(
            ["settlement_date"],
            ["minerecon.daily_summaries.summary_date"],
            name=op.f("period_summaries_settlement_date_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("settlement_date", "settlement_period", name=op.f("period_summaries_pkey")),
        schema="minerecon",
        comment="A period's curtailment: the sums of curtailment_records. Periods without a wind bid have no row.",
    )
    op.create_table(
        "wind_farm_exceptions",
        sa.Column(
            "matches",
            sa.Text(),
            nullable=False,
            comment="What is looked up: bmu_id (a unit) or stem (of a register name).",
        ),
        sa.Column(
            "key",
            sa.Text(),
            nullable=False,
            comment="The BM unit's id, or the stem as minerecon.wind_farm_stem makes it.",
        ),
        sa.Column("farm_name", sa.Text(), nullable=False, comment="Name of the wind farm."),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why the stem of the register's name is not its name."),
        sa.CheckConstraint("matches IN ('bmu_id', 'stem')", name=op.f("wind_farm_exceptions_matches_check")),
        sa.PrimaryKeyConstraint("matches", "key", name=op.f("wind_farm_exceptions_pkey")),
        schema="minerecon",
        comment="Wind farms whose register names do not say so. The list in the code, wind_farms.toml, is the master.",
    )
    op.create_table(
        "published_figures",
        sa.Column(
            "figure_id", sa.Text(), nullable=False, comment="Name of the figure, as in 2026-06/all_bids/curtailed_mwh."
        ),
        sa.Column(
            "period_label", sa.Text(), nullable=False, comment="Day, month or year that it is of, as in 2025-03."
        ),
        sa.Column("first_day", sa.Date(), nullable=False, comment="First settlement date that it is of."),
        sa.Column("last_day", sa.Date(), nullable=False, comment="Last settlement date that it is of."),
        sa.Column("basis", sa.Text(), nullable=False, comment="so_flagged (the headline here) or all_bids."),
        sa.Column("figure", sa.Text(), nullable=False, comment="What it is: curtailed_mwh, payment_gbp or mined_btc."),
        sa.Column("miner_model", sa.Text(), nullable=True, comment="Miner model of a mined_btc; NULL of the others."),
        sa.Column("unit", sa.Text(), nullable=False, comment="MWh, GBP or BTC."),
        sa.Column(
            "value", sa.Numeric(), nullable=False, comment="The figure as it was published, with its own rounding."
        ),
        sa.Column(
            "difficulty",
            sa.Numeric(),
            nullable=True,
            comment="Network difficulty that a mined_btc was published with; NULL if not known.",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="Who published it."),
        sa.Column(
            "is_known_wrong", sa.Boolean(), nullable=False, comment="Whether it is known to be wrong, as the note says."
        ),
        sa.Column("note", sa.Text(), nullable=False, comment="What a comparison must know."),
        sa.CheckConstraint(
            "(figure = 'mined_btc') = (miner_model IS NOT NULL)", name=op.f("published_figures_miner_model_check")
        ),
        sa.CheckConstraint(
            "(figure, unit) IN (('curtailed_mwh', 'MWh'), ('payment_gbp', 'GBP'), ('mined_btc', 'BTC'))",
            name=op.f("published_figures_figure_check"),
        ),
        sa.CheckConstraint("basis IN ('so_flagged', 'all_bids')", name=op.f("published_figures_basis_check")),
        sa.CheckConstraint("first_day <= last_day", name=op.f("published_figures_days_check")),
        sa.PrimaryKeyConstraint("figure_id", name=op.f("published_figures_pkey")),
        schema="minerecon",
        comment="Totals that others published, to compare with. The list in the code is the master.",
    )
    # From here on each day's transaction keeps them.
    op.execute(f"""
        INSERT INTO minerecon.unit_daily_summaries (
            settlement_date, bmu_id, lead_party_name, curtailed_mwh, paid_gbp, refunded_gbp, unpriced_mwh,
            all_bids_mwh, all_bids_paid_gbp, all_bids_refunded_gbp, all_bids_unpriced_mwh, record_count,
            so_record_count, period_count, so_period_count
        )
        SELECT settlement_date, bmu_id, min(lead_party_name), {_BOTH_BASES},
               count(DISTINCT settlement_period), count(DISTINCT settlement_period) FILTER (WHERE so_flag)
        FROM minerecon.curtailment_records
        WHERE settlement_date IN (SELECT summary_date FROM minerecon.daily_summaries)
        GROUP BY settlement_date, bmu_id ORDER BY settlement_date, bmu_id
    """)  # noqa: S608 - put together from constants
    op.execute(f"""
        INSERT INTO minerecon.period_summaries (
            settlement_date, settlement_period, curtailed_mwh, paid_gbp, refunded_gbp, unpriced_mwh,
            all_bids_mwh, all_bids_paid_gbp, all_bids_refunded_gbp, all_bids_unpriced_mwh, record_count,
            so_record_count, bmu_count, so_bmu_count
        )
        SELECT settlement_date, settlement_period, {_BOTH_BASES},
               count(DISTINCT bmu_id), count(DISTINCT bmu_id) FILTER (WHERE so_flag)
        FROM minerecon.curtailment_records
        WHERE settlement_date IN (SELECT summary_date FROM minerecon.daily_summaries)
        GROUP BY settlement_date, settlement_period ORDER BY settlement_date, settlement_period
    """)  # noqa: S608 - put together from constants
