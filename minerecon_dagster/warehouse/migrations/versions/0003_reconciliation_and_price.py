"""Reconciliation: control totals, rates, verifications, the latest results; and the price of Bitcoin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bitcoin_price_gbp",
        sa.Column(
            "price_date",
            sa.Date(),
            nullable=False,
            comment="Calendar day, UTC: the candle's, and not the settlement day's 24 hours.",
        ),
        sa.Column(
            "price_gbp",
            sa.Numeric(),
            nullable=False,
            comment="Price of one Bitcoin at the end of the day (the close), in GBP.",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="The URL that the price was read from."),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False, comment="When it was read."),
        sa.Column(
            "is_synthetic",
            sa.Boolean(),
            nullable=False,
            comment="True where the answers are the bundled sample's, made up, and not Elexon's.",
        ),
        sa.CheckConstraint(
            "price_gbp > 0 AND price_gbp < 'Infinity'", name=op.f("bitcoin_price_gbp_price_positive_check")
        ),
        sa.PrimaryKeyConstraint("price_date", name=op.f("bitcoin_price_gbp_pkey")),
        schema="minerecon",
        comment="The price of Bitcoin per day; a day without a price has no row, and nothing stands in for it.",
    )
    op.create_table(
        "boav_control_totals",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column("stack_side", sa.Text(), nullable=False, comment="Side of the settlement stack: bid or offer."),
        sa.Column("bmu_id", sa.Text(), nullable=False, comment="BM unit: a wind farm."),
        sa.Column(
            "volume_mwh",
            sa.Numeric(),
            nullable=False,
            comment="Elexon's accepted reductions (BOAV) of the unit on the side, over the periods that are present, in MWh: negative.",
        ),
        sa.CheckConstraint("stack_side IN ('bid', 'offer')", name=op.f("boav_control_totals_side_check")),
        sa.PrimaryKeyConstraint("settlement_date", "stack_side", "bmu_id", name=op.f("boav_control_totals_pkey")),
        schema="minerecon",
        comment="Elexon's accepted volumes of wind farms (BOAV), whole-day answers: what the records must add up to.",
    )
    op.create_table(
        "calculation_reconciliation",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column("miner_model", sa.Text(), nullable=False, comment="Miner model, as in miner_models."),
        sa.Column(
            "expected_count",
            sa.Integer(),
            nullable=False,
            comment="Calculations that there should be: SO-flagged (period, unit) pairs.",
        ),
        sa.Column(
            "matched_count",
            sa.Integer(),
            nullable=False,
            comment="Those that are there, with the records' energy and the formula's Bitcoin, when last looked at.",
        ),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False, comment="When it was last looked at."),
        sa.CheckConstraint(
            "matched_count BETWEEN 0 AND expected_count", name=op.f("calculation_reconciliation_matched_check")
        ),
        sa.PrimaryKeyConstraint("settlement_date", "miner_model", name=op.f("calculation_reconciliation_pkey")),
        schema="minerecon",
        comment="How many of a day's calculations are right, of how many there should be: the rate of reconciliation.",
    )
    op.create_table(
        "ebocf_control_totals",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column("stack_side", sa.Text(), nullable=False, comment="Side of the settlement stack: bid or offer."),
        sa.Column("bmu_id", sa.Text(), nullable=False, comment="BM unit: a wind farm."),
        sa.Column(
            "cashflow_gbp",
            sa.Numeric(),
            nullable=False,
            comment="Elexon's indicative cashflow (EBOCF) of the unit on the side, over the periods that are present, in GBP: positive where the farm is paid.",
        ),
        sa.Column(
            "gross_cashflow_gbp",
            sa.Numeric(),
            nullable=False,
            comment="The same without signs, added up by period, in GBP.",
        ),
        sa.CheckConstraint("stack_side IN ('bid', 'offer')", name=op.f("ebocf_control_totals_side_check")),
        sa.PrimaryKeyConstraint("settlement_date", "stack_side", "bmu_id", name=op.f("ebocf_control_totals_pkey")),
        schema="minerecon",
        comment="Elexon's indicative cashflows of wind farms (EBOCF), whole-day answers: a second opinion of the payments.",
    )
    op.create_table(
        "reconciliation_latest",
        sa.Column("scope", sa.Text(), nullable=False, comment="day, month, year or all, as in reconciliation_results."),
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="The day, or the first day of the month or year."
        ),
        sa.Column("check_family", sa.Text(), nullable=False, comment="The Dagster check that the property belongs to."),
        sa.Column("check_name", sa.Text(), nullable=False, comment="The property that was looked at."),
        sa.Column("result_id", sa.BigInteger(), nullable=False, comment="The evaluation, in reconciliation_results."),
        sa.Column("passed", sa.Boolean(), nullable=False, comment="Whether it held."),
        sa.Column(
            "severity",
            sa.Text(),
            nullable=False,
            comment="ERROR: what follows would be wrong. WARN: a person should look.",
        ),
        sa.Column(
            "waived_until",
            sa.Date(),
            nullable=True,
            comment="The last day on which a waiver of it holds; NULL where there is none.",
        ),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False, comment="When it was evaluated."),
        sa.PrimaryKeyConstraint(
            "scope", "settlement_date", "check_family", "check_name", name=op.f("reconciliation_latest_pkey")
        ),
        schema="minerecon",
        comment="The latest evaluation of each property, kept by a trigger of reconciliation_results: its index, in effect.",
    )
    op.create_table(
        "verifications",
        sa.Column(
            "verification_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the look."
        ),
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column(
            "requested_by", sa.Text(), nullable=False, comment="Who or what asked: a command, a job or a schedule."
        ),
        sa.Column(
            "action",
            sa.Text(),
            nullable=False,
            comment="verify (look), fix (repair what is wrong), force-fix (repair anyway), spot-fix or refetch.",
        ),
        sa.Column(
            "sampling",
            sa.Text(),
            nullable=True,
            comment="full, controls, progressive, random or fixed; NULL where Elexon was not asked to compare.",
        ),
        sa.Column(
            "seed", sa.BigInteger(), nullable=True, comment="Seed of the random periods; NULL where none were drawn."
        ),
        sa.Column(
            "periods_looked_at",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="The settlement periods that were compared with Elexon.",
        ),
        sa.Column(
            "detection_share",
            sa.Numeric(),
            nullable=True,
            comment="Share of the faults of a single period that looking at so many periods finds: 1 for all of them.",
        ),
        sa.Column(
            "problems",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="What was wrong before: property, expected, actual, count.",
        ),
        sa.Column("repair", sa.Text(), nullable=True, comment="What was done; NULL where nothing was."),
        sa.Column(
            "problems_left",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="What was wrong after the repair; NULL where nothing was done.",
        ),
        sa.Column(
            "before_figures",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Rows, MWh, GBP and BTC per model before; NULL where nothing was stored.",
        ),
        sa.Column(
            "after_figures",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="The same after a repair; NULL where nothing was done.",
        ),
        sa.Column(
            "source_figures",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Rows, MWh and GBP of Elexon's answers now, over the periods looked at.",
        ),
        sa.Column(
            "period_differences",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Settlement periods that differ: stored, Elexon now, after.",
        ),
        sa.Column(
            "unit_differences",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="BM units that differ: stored, Elexon now, after.",
        ),
        sa.Column("outcome", sa.Text(), nullable=False, comment="right, wrong, repaired, not repaired or failed."),
        sa.Column(
            "error",
            sa.Text(),
            nullable=True,
            comment="Why it could not look, or could not repair; NULL where it could.",
        ),
        sa.Column("run_id", sa.Text(), nullable=True, comment="The Dagster run."),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, comment="When the look began."),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False, comment="When it ended."),
        sa.CheckConstraint(
            "action IN ('verify', 'fix', 'force-fix', 'spot-fix', 'refetch')", name=op.f("verifications_action_check")
        ),
        sa.CheckConstraint(
            "outcome IN ('right', 'wrong', 'repaired', 'not repaired', 'failed')",
            name=op.f("verifications_outcome_check"),
        ),
        sa.CheckConstraint("detection_share BETWEEN 0 AND 1", name=op.f("verifications_detection_share_check")),
        sa.PrimaryKeyConstraint("verification_id", name=op.f("verifications_pkey")),
        schema="minerecon",
        comment="Every comparison of a stored day with Elexon, and every repair: what was wrong, what was done, what changed.",
    )
    op.create_index(
        op.f("verifications_settlement_date_idx"),
        "verifications",
        ["settlement_date"],
        unique=False,
        schema="minerecon",
    )
    op.add_column(
        "reconciliation_results",
        sa.Column(
            "scope",
            sa.Text(),
            server_default="day",
            nullable=False,
            comment="What was looked at: a day; a month or a year, of which settlement_date is the first day; or all partitions, as they were on settlement_date.",
        ),
        schema="minerecon",
    )
    op.add_column(
        "reconciliation_results",
        sa.Column(
            "waiver",
            sa.Text(),
            nullable=True,
            comment="Why the violators are accepted, and by whom; NULL where they are not.",
        ),
        schema="minerecon",
    )
    op.add_column(
        "reconciliation_results",
        sa.Column(
            "waived_until",
            sa.Date(),
            nullable=True,
            comment="The last day on which the waiver holds; after it the result counts again.",
        ),
        schema="minerecon",
    )
    op.create_table_comment(
        "reconciliation_results",
        "Every evaluation of every property of every day, month and year: the reconciliation, on record.",
        existing_comment="Every evaluation of every property of every day: the reconciliation, on record.",
        schema="minerecon",
    )
    op.create_check_constraint(
        "scope", "reconciliation_results", "scope IN ('day', 'month', 'year', 'all')", schema="minerecon"
    )
    op.create_check_constraint(
        "waiver", "reconciliation_results", "(waiver IS NULL) = (waived_until IS NULL)", schema="minerecon"
    )
    # From here on a trigger keeps it.
    op.execute("""
        INSERT INTO minerecon.reconciliation_latest (
            scope, settlement_date, check_family, check_name, result_id, passed, severity, waived_until, evaluated_at
        )
        SELECT DISTINCT ON (settlement_date, check_family, check_name)
               scope, settlement_date, check_family, check_name, result_id, passed, severity, waived_until, evaluated_at
        FROM minerecon.reconciliation_results
        ORDER BY settlement_date, check_family, check_name, result_id DESC
    """)
