"""Decisions of people: the days that somebody has closed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unavailable_days",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why no figure of the day is to be had."),
        sa.Column("accepted_by", sa.Text(), nullable=False, comment="Who has closed the day."),
        sa.Column(
            "archive_uri",
            sa.Text(),
            nullable=True,
            comment="The archive object that the day was built from before it was closed; NULL where it was not stored.",
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False, comment="When it was closed here."),
        sa.PrimaryKeyConstraint("settlement_date", name=op.f("unavailable_days_pkey")),
        schema="minerecon",
        comment="Days that a person has closed: they have no row in any other table of figures. The reviewed file waivers.toml is the master.",
    )
    op.drop_constraint(op.f("verifications_outcome_check"), "verifications", schema="minerecon")
    op.create_check_constraint(
        op.f("verifications_outcome_check"),
        "verifications",
        "outcome IN ('right', 'wrong', 'repaired', 'not repaired', 'failed', 'unavailable')",
        schema="minerecon",
    )
    op.alter_column(
        "verifications",
        "outcome",
        schema="minerecon",
        comment="right, wrong, repaired, not repaired, failed or unavailable (closed by a person).",
    )
