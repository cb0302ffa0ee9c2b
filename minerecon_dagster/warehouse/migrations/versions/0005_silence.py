"""Silence at the source: acceptances counted, days that wait for Elexon, restatements that a person took.

What is stored was judged by an older rule, by which a period without rows on either side was empty. It is judged again,
by what is stored: nothing is fetched, and no figure changes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# What minerecon.unproven_periods() says from this revision on, of rows that were all stored by the older rule.
_UNPROVEN = """
    CREATE TEMPORARY TABLE unproven ON COMMIT DROP AS
    SELECT settlement_date, settlement_period, stack_side
    FROM (
        SELECT *, count(*) OVER (PARTITION BY settlement_date, stack_side, run) AS in_a_row
        FROM (
            SELECT settlement_date, settlement_period, stack_side, settlement_period - row_number() OVER (
                       PARTITION BY settlement_date, stack_side ORDER BY settlement_period
                   ) AS run
            FROM minerecon.ingestion_progress WHERE status = 'empty'
        ) AS numbered
    ) AS e
    WHERE in_a_row > 2 OR NOT EXISTS (
        SELECT FROM minerecon.ingestion_progress AS o
        WHERE (o.settlement_date, o.settlement_period) = (e.settlement_date, e.settlement_period)
          AND o.stack_side <> e.stack_side AND o.status = 'rows'
    )
"""
_PERIODS = """
    UPDATE minerecon.ingestion_progress AS p
    SET status = 'unpublished', error = 'no rows, which proves nothing by itself: judged again when the warehouse was upgraded'
    FROM unproven AS u
    WHERE (p.settlement_date, p.settlement_period, p.stack_side)
          = (u.settlement_date, u.settlement_period, u.stack_side)
"""
_DAYS = """
    UPDATE minerecon.daily_summaries AS d
    SET state = 'incomplete', periods_present = greatest(d.periods_present - u.periods, 0), built_at = now()
    FROM (
        SELECT settlement_date, count(DISTINCT settlement_period) AS periods FROM unproven GROUP BY settlement_date
    ) AS u
    WHERE d.summary_date = u.settlement_date
"""


def upgrade() -> None:
    op.add_column(
        "ingestion_progress",
        sa.Column(
            "acceptance_count",
            sa.Integer(),
            nullable=True,
            comment="Rows of any unit's acceptance: without one, row_count proves nothing. NULL: stored before this was "
            "known.",
        ),
        schema="minerecon",
    )
    op.drop_constraint(
        op.f("ingestion_progress_rows_counted_check"), "ingestion_progress", schema="minerecon", type_="check"
    )
    op.create_check_constraint(
        op.f("ingestion_progress_acceptances_counted_check"),
        "ingestion_progress",
        "acceptance_count IS NULL OR (status = 'rows') = (acceptance_count > 0)",
        schema="minerecon",
    )
    op.create_index(
        "ingestion_progress_empty_idx",
        "ingestion_progress",
        ["settlement_date"],
        schema="minerecon",
        postgresql_where=sa.text("status = 'empty'"),
    )
    op.create_table(
        "unanswered_days",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="What Elexon's answers lack."),
        sa.Column(
            "first_asked_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was first asked for in vain, the day being over.",
        ),
        sa.Column("last_asked_at", sa.DateTime(timezone=True), nullable=False, comment="When it was last asked for."),
        sa.Column(
            "asked_count",
            sa.Integer(),
            nullable=False,
            comment="On how many days (London) it was asked for: it is asked for again after 1, 2, 4, 8 and 16 days, then "
            "monthly.",
        ),
        sa.CheckConstraint(
            "asked_count > 0 AND first_asked_at <= last_asked_at", name=op.f("unanswered_days_asked_check")
        ),
        sa.PrimaryKeyConstraint("settlement_date", name=op.f("unanswered_days_pkey")),
        schema="minerecon",
        comment="Days that are over and that nothing but Elexon's silence keeps from being final or known.",
    )
    op.add_column(
        "restatements",
        sa.Column(
            "accepted_by",
            sa.Text(),
            nullable=True,
            comment="Who took a change that a final day loses too much by to be believed; NULL where it was believed.",
        ),
        schema="minerecon",
    )
    for statement in (_UNPROVEN, _PERIODS, _DAYS):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup: what was judged again cannot be judged back")
