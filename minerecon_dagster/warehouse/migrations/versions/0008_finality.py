"""Finality by what the rows say, sums that remember what was summed, and looks at a part that say so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OUTCOMES = "'right', 'wrong', 'repaired', 'not repaired', 'failed', 'unavailable'"


def upgrade() -> None:
    for table in ("monthly_summaries", "yearly_summaries"):
        op.add_column(
            table,
            sa.Column(
                "summed", JSONB(), comment="The sums as they were made, to tell figures that somebody typed in later."
            ),
            schema="minerecon",
        )
        op.add_column(
            table,
            sa.Column(
                "summed_days",
                sa.Text(),
                comment="Fingerprint of the days that were summed, and of when each was built.",
            ),
            schema="minerecon",
        )
    op.drop_constraint("verifications_outcome_check", "verifications", schema="minerecon")
    # What was recorded as right after a look at some of the day was right in part.
    op.create_check_constraint(
        "verifications_outcome_check", "verifications", f"outcome IN ({_OUTCOMES}, 'right in part')", schema="minerecon"
    )
    # A day is not final by the clock alone: with a period whose newest row was made before Elexon ran the period again
    # it is provisional, and asked for again. Its month and year follow, as it counts as built now.
    op.execute(
        "UPDATE minerecon.daily_summaries SET state = 'provisional', built_at = now()"
        " WHERE state = 'final' AND summary_date IN ("
        "SELECT settlement_date FROM minerecon.curtailment_records"
        " GROUP BY settlement_date, settlement_period, stack_side"
        " HAVING max(elexon_created_at) < max(start_time) + interval '24 hours 14 minutes')"
    )
    op.execute(
        "UPDATE minerecon.verifications SET outcome = 'right in part'"
        " WHERE outcome = 'right' AND detection_share IS DISTINCT FROM 1"
    )
    op.alter_column(
        "verifications",
        "outcome",
        comment="right, right in part, wrong, repaired, not repaired, failed or unavailable (closed by a person).",
        schema="minerecon",
    )
