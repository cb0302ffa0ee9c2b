"""What comes later of a day may be asked for and not answered: such an attempt is on record, and counts as none."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let ``asked_count`` be 0; code of before never writes that, and takes it as one attempt."""
    op.drop_constraint("later_answers_asked_check", "later_answers", schema="minerecon", type_="check")
    op.create_check_constraint(
        "later_answers_asked_check",
        "later_answers",
        "asked_count >= 0 AND first_asked_at <= last_asked_at",
        schema="minerecon",
    )
    op.alter_column(
        "later_answers",
        "asked_count",
        comment="On how many days (London) an answer came: while it is not there it is asked for again after 1, 2, 4, 8 "
        "and 16 days, then monthly, and not for ever; 0 where none came yet.",
        schema="minerecon",
    )
