"""Metered output of wind units (B1610) per day and settlement run, of which the highest counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unit_daily_metered",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column("bmu_id", sa.Text(), nullable=False, comment="BM unit: a wind farm."),
        sa.Column(
            "run_type",
            sa.Text(),
            nullable=False,
            comment="Settlement run of the quantities: II, SF, R1, R2, R3, RF or DF, the later the higher; unknown where "
            "none is said.",
        ),
        sa.Column(
            "run_rank", sa.SmallInteger(), nullable=False, comment="Of the runs that are there the highest counts."
        ),
        sa.Column(
            "metered_mwh",
            sa.Numeric(),
            comment="Metered output of the day in MWh, less what the station itself took: below 0 it took more. NULL "
            "unless every period has one quantity.",
        ),
        sa.Column("periods", sa.SmallInteger(), nullable=False, comment="Periods of the day that have a quantity."),
        sa.Column(
            "negative_periods", sa.SmallInteger(), nullable=False, comment="Those of them in which it is below 0."
        ),
        sa.PrimaryKeyConstraint("settlement_date", "bmu_id", "run_type", name="unit_daily_metered_pkey"),
        sa.CheckConstraint(
            "negative_periods BETWEEN 0 AND periods AND periods <= 50", name="unit_daily_metered_periods_check"
        ),
        schema="minerecon",
        comment="Metered output (B1610) of wind units per day and settlement run; of several runs the highest counts.",
    )
