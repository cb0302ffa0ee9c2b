"""Datasets that come days after their settlement day: what was asked for, and what became of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "later_answers",
        sa.Column("dataset", sa.Text(), nullable=False, comment="Dataset that comes days after its settlement day."),
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column(
            "run", sa.Text(), nullable=False, comment="Run of Elexon's that published it; empty where there is but one."
        ),
        sa.Column("is_there", sa.Boolean(), nullable=False, comment="Whether it came and is in the dataset's table."),
        sa.Column("reason", sa.Text(), comment="Why it is not there; NULL where it is."),
        sa.Column("first_asked_at", sa.DateTime(timezone=True), nullable=False, comment="When it was first asked for."),
        sa.Column("last_asked_at", sa.DateTime(timezone=True), nullable=False, comment="When it was last asked for."),
        sa.Column(
            "asked_count",
            sa.Integer(),
            nullable=False,
            comment="On how many days (London) it was asked for: while it is not there it is asked for again after 1, 2, 4, 8 "
            "and 16 days, then monthly, and not for ever.",
        ),
        sa.Column("archive_uri", sa.Text(), comment="The archive object that holds it; NULL where none does."),
        sa.PrimaryKeyConstraint("dataset", "settlement_date", "run", name="later_answers_pkey"),
        sa.CheckConstraint("asked_count > 0 AND first_asked_at <= last_asked_at", name="later_answers_asked_check"),
        schema="minerecon",
        comment="What was asked for of datasets that come days after their settlement day, and what became of it.",
    )
