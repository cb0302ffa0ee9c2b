"""Months, years and history: roll-ups, wind output, restatements."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "daily_summaries",
        sa.Column(
            "built_from",
            sa.Text(),
            nullable=True,
            comment="Fingerprint of all that the day was built from: same inputs, same text.",
        ),
        schema="minerecon",
    )
    op.alter_column(
        "daily_summaries",
        "built_at",
        comment="When the day was last built, or its state last changed.",
        existing_comment="When the day was last built.",
        schema="minerecon",
    )
    op.create_table(
        "monthly_summaries",
        sa.Column("year_month", sa.Text(), nullable=False, comment="Calendar month, as in 2025-03."),
        sa.Column(
            "curtailed_mwh", sa.Numeric(), nullable=False, comment="Headline: SO-flagged curtailed energy, in MWh."
        ),
        sa.Column(
            "payment_gbp",
            sa.Numeric(),
            sa.Computed("paid_gbp - refunded_gbp", persisted=True),
            nullable=False,
            comment="Net payment to farms for SO-flagged energy, in GBP: paid − refunded.",
        ),
        sa.Column("paid_gbp", sa.Numeric(), nullable=False, comment="Paid to farms for SO-flagged energy, in GBP."),
        sa.Column("refunded_gbp", sa.Numeric(), nullable=False, comment="Paid by farms for SO-flagged energy, in GBP."),
        sa.Column("unpriced_mwh", sa.Numeric(), nullable=False, comment="SO-flagged energy without a price, in MWh."),
        sa.Column(
            "all_bids_mwh", sa.Numeric(), nullable=False, comment="Energy of all accepted wind bids, any flag, in MWh."
        ),
        sa.Column(
            "all_bids_payment_gbp", sa.Numeric(), nullable=False, comment="Net payment for all wind bids, in GBP."
        ),
        sa.Column("record_count", sa.BigInteger(), nullable=False, comment="Accepted wind bids, any flag."),
        sa.Column("so_record_count", sa.BigInteger(), nullable=False, comment="SO-flagged wind bids."),
        sa.Column(
            "wind_generation_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Wind output in MWh; NULL where it is not known of a day.",
        ),
        sa.Column(
            "wind_onshore_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Onshore wind output in MWh; NULL where not known of a day.",
        ),
        sa.Column(
            "wind_offshore_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Offshore wind output in MWh; NULL where not known of a day.",
        ),
        sa.Column(
            "curtailed_share",
            sa.Numeric(),
            sa.Computed("curtailed_mwh / NULLIF(wind_generation_mwh + curtailed_mwh, 0)", persisted=True),
            nullable=True,
            comment="SO-flagged curtailed energy over generated plus curtailed; NULL where generation is not known.",
        ),
        sa.Column("days_expected", sa.SmallInteger(), nullable=False, comment="Calendar days."),
        sa.Column(
            "days_present",
            sa.SmallInteger(),
            nullable=False,
            comment="Days that are in the sums; the others are missing.",
        ),
        sa.Column("days_final", sa.SmallInteger(), nullable=False, comment="Days among them that are final."),
        sa.Column(
            "is_complete",
            sa.Boolean(),
            sa.Computed("days_final = days_expected", persisted=True),
            nullable=False,
            comment="Whether every calendar day is there and final.",
        ),
        sa.Column(
            "is_synthetic",
            sa.Boolean(),
            nullable=False,
            comment="True where the answers are the bundled sample's, made up, and not Elexon's.",
        ),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=False, comment="When the sums were last made."),
        sa.CheckConstraint("year_month ~ '^\\d{4}-(0[1-9]|1[0-2])$'", name=op.f("monthly_summaries_year_month_check")),
        sa.CheckConstraint(
            "days_present BETWEEN 1 AND days_expected AND days_final BETWEEN 0 AND days_present",
            name=op.f("monthly_summaries_coverage_check"),
        ),
        sa.PrimaryKeyConstraint("year_month", name=op.f("monthly_summaries_pkey")),
        schema="minerecon",
        comment="A month's curtailment: the sums of its days in daily_summaries, and how many of them there are.",
    )
    op.create_table(
        "restatements",
        sa.Column(
            "restatement_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the change."
        ),
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column(
            "detected_at", sa.DateTime(timezone=True), nullable=False, comment="When the change at the source was seen."
        ),
        sa.Column("old_state", sa.Text(), nullable=False, comment="State of the day before the change."),
        sa.Column("old_curtailed_mwh", sa.Numeric(), nullable=False, comment="SO-flagged energy before, in MWh."),
        sa.Column("new_curtailed_mwh", sa.Numeric(), nullable=False, comment="SO-flagged energy after, in MWh."),
        sa.Column(
            "old_payment_gbp", sa.Numeric(), nullable=False, comment="Net payment for SO-flagged energy before, in GBP."
        ),
        sa.Column(
            "new_payment_gbp", sa.Numeric(), nullable=False, comment="Net payment for SO-flagged energy after, in GBP."
        ),
        sa.Column("old_all_bids_mwh", sa.Numeric(), nullable=False, comment="Energy of all wind bids before, in MWh."),
        sa.Column("new_all_bids_mwh", sa.Numeric(), nullable=False, comment="Energy of all wind bids after, in MWh."),
        sa.Column(
            "old_archive_uri",
            sa.Text(),
            nullable=False,
            comment="The archive object that the day was built from before.",
        ),
        sa.Column(
            "new_archive_uri", sa.Text(), nullable=False, comment="The archive object that it was built from after."
        ),
        sa.Column("run_id", sa.Text(), nullable=True, comment="The Dagster run that stored the change."),
        sa.PrimaryKeyConstraint("restatement_id", name=op.f("restatements_pkey")),
        schema="minerecon",
        comment="Changes of a stored day that were seen at the source, with the totals before and after.",
    )
    op.create_index(
        op.f("restatements_settlement_date_idx"), "restatements", ["settlement_date"], unique=False, schema="minerecon"
    )
    op.create_table(
        "wind_generation_data",
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
            "start_time", sa.DateTime(timezone=True), nullable=False, comment="UTC start of the settlement period."
        ),
        sa.Column(
            "wind_onshore_mw",
            sa.Numeric(),
            nullable=True,
            comment="Mean onshore wind output over the period in MW; NULL: not published.",
        ),
        sa.Column(
            "wind_offshore_mw",
            sa.Numeric(),
            nullable=True,
            comment="Mean offshore wind output over the period in MW; NULL: not published.",
        ),
        sa.Column(
            "total_wind_mw",
            sa.Numeric(),
            sa.Computed("wind_onshore_mw + wind_offshore_mw", persisted=True),
            nullable=True,
            comment="Mean wind output over the period in MW; NULL where a part is not known.",
        ),
        sa.Column(
            "total_wind_mwh",
            sa.Numeric(),
            sa.Computed("(wind_onshore_mw + wind_offshore_mw) * 0.5", persisted=True),
            nullable=True,
            comment="Wind output of the period in MWh: MW × half an hour.",
        ),
        sa.CheckConstraint("settlement_period BETWEEN 1 AND 50", name=op.f("wind_generation_data_period_range_check")),
        sa.PrimaryKeyConstraint("settlement_date", "settlement_period", name=op.f("wind_generation_data_pkey")),
        schema="minerecon",
        comment="Wind output per settlement period, as Elexon has it (AGWS).",
    )
    op.create_table(
        "yearly_summaries",
        sa.Column("year", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Calendar year."),
        sa.Column(
            "curtailed_mwh", sa.Numeric(), nullable=False, comment="Headline: SO-flagged curtailed energy, in MWh."
        ),
        sa.Column(
            "payment_gbp",
            sa.Numeric(),
            sa.Computed("paid_gbp - refunded_gbp", persisted=True),
            nullable=False,
            comment="Net payment to farms for SO-flagged energy, in GBP: paid − refunded.",
        ),
        sa.Column("paid_gbp", sa.Numeric(), nullable=False, comment="Paid to farms for SO-flagged energy, in GBP."),
        sa.Column("refunded_gbp", sa.Numeric(), nullable=False, comment="Paid by farms for SO-flagged energy, in GBP."),
        sa.Column("unpriced_mwh", sa.Numeric(), nullable=False, comment="SO-flagged energy without a price, in MWh."),
        sa.Column(
            "all_bids_mwh", sa.Numeric(), nullable=False, comment="Energy of all accepted wind bids, any flag, in MWh."
        ),
        sa.Column(
            "all_bids_payment_gbp", sa.Numeric(), nullable=False, comment="Net payment for all wind bids, in GBP."
        ),
        sa.Column("record_count", sa.BigInteger(), nullable=False, comment="Accepted wind bids, any flag."),
        sa.Column("so_record_count", sa.BigInteger(), nullable=False, comment="SO-flagged wind bids."),
        sa.Column(
            "wind_generation_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Wind output in MWh; NULL where it is not known of a day.",
        ),
        sa.Column(
            "wind_onshore_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Onshore wind output in MWh; NULL where not known of a day.",
        ),
        sa.Column(
            "wind_offshore_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Offshore wind output in MWh; NULL where not known of a day.",
        ),
        sa.Column(
            "curtailed_share",
            sa.Numeric(),
            sa.Computed("curtailed_mwh / NULLIF(wind_generation_mwh + curtailed_mwh, 0)", persisted=True),
            nullable=True,
            comment="SO-flagged curtailed energy over generated plus curtailed; NULL where generation is not known.",
        ),
        sa.Column("days_expected", sa.SmallInteger(), nullable=False, comment="Calendar days."),
        sa.Column(
            "days_present",
            sa.SmallInteger(),
            nullable=False,
            comment="Days that are in the sums; the others are missing.",
        ),
        sa.Column("days_final", sa.SmallInteger(), nullable=False, comment="Days among them that are final."),
        sa.Column(
            "is_complete",
            sa.Boolean(),
            sa.Computed("days_final = days_expected", persisted=True),
            nullable=False,
            comment="Whether every calendar day is there and final.",
        ),
        sa.Column(
            "is_synthetic",
            sa.Boolean(),
            nullable=False,
            comment="True where the answers are the bundled sample's, made up, and not Elexon's.",
        ),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=False, comment="When the sums were last made."),
        sa.CheckConstraint(
            "days_present BETWEEN 1 AND days_expected AND days_final BETWEEN 0 AND days_present",
            name=op.f("yearly_summaries_coverage_check"),
        ),
        sa.PrimaryKeyConstraint("year", name=op.f("yearly_summaries_pkey")),
        schema="minerecon",
        comment="A year's curtailment: the sums of its days in daily_summaries, and how many of them there are.",
    )
    op.create_table(
        "bitcoin_monthly_summaries",
        sa.Column("year_month", sa.Text(), nullable=False, comment="Calendar month, as in 2025-03."),
        sa.Column("miner_model", sa.Text(), nullable=False, comment="Miner model, as in miner_models."),
        sa.Column(
            "mined_btc",
            sa.Numeric(),
            nullable=False,
            comment="Bitcoin that the month's SO-flagged energy could have mined.",
        ),
        sa.Column("days_expected", sa.SmallInteger(), nullable=False, comment="Calendar days."),
        sa.Column(
            "days_present",
            sa.SmallInteger(),
            nullable=False,
            comment="Days that are in the sums; the others are missing.",
        ),
        sa.Column("days_final", sa.SmallInteger(), nullable=False, comment="Days among them that are final."),
        sa.Column(
            "is_complete",
            sa.Boolean(),
            sa.Computed("days_final = days_expected", persisted=True),
            nullable=False,
            comment="Whether every calendar day is there and final.",
        ),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=False, comment="When the sums were last made."),
        sa.CheckConstraint(
            "days_present BETWEEN 1 AND days_expected AND days_final BETWEEN 0 AND days_present",
            name=op.f("bitcoin_monthly_summaries_coverage_check"),
        ),
        sa.ForeignKeyConstraint(
            ["miner_model"],
            ["minerecon.miner_models.miner_model"],
            name=op.f("bitcoin_monthly_summaries_miner_model_fkey"),
        ),
        sa.PrimaryKeyConstraint("year_month", "miner_model", name=op.f("bitcoin_monthly_summaries_pkey")),
        schema="minerecon",
        comment="A month's Bitcoin per miner model: the sums of bitcoin_daily_summaries.",
    )
    op.create_table(
        "bitcoin_yearly_summaries",
        sa.Column("year", sa.SmallInteger(), nullable=False, comment="Calendar year."),
        sa.Column("miner_model", sa.Text(), nullable=False, comment="Miner model, as in miner_models."),
        sa.Column(
            "mined_btc",
            sa.Numeric(),
            nullable=False,
            comment="Bitcoin that the year's SO-flagged energy could have mined.",
        ),
        sa.Column("days_expected", sa.SmallInteger(), nullable=False, comment="Calendar days."),
        sa.Column(
            "days_present",
            sa.SmallInteger(),
            nullable=False,
            comment="Days that are in the sums; the others are missing.",
        ),
        sa.Column("days_final", sa.SmallInteger(), nullable=False, comment="Days among them that are final."),
        sa.Column(
            "is_complete",
            sa.Boolean(),
            sa.Computed("days_final = days_expected", persisted=True),
            nullable=False,
            comment="Whether every calendar day is there and final.",
        ),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=False, comment="When the sums were last made."),
        sa.CheckConstraint(
            "days_present BETWEEN 1 AND days_expected AND days_final BETWEEN 0 AND days_present",
            name=op.f("bitcoin_yearly_summaries_coverage_check"),
        ),
        sa.ForeignKeyConstraint(
            ["miner_model"],
            ["minerecon.miner_models.miner_model"],
            name=op.f("bitcoin_yearly_summaries_miner_model_fkey"),
        ),
        sa.PrimaryKeyConstraint("year", "miner_model", name=op.f("bitcoin_yearly_summaries_pkey")),
        schema="minerecon",
        comment="A year's Bitcoin per miner model: the sums of bitcoin_daily_summaries.",
    )
