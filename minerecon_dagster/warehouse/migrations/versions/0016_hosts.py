"""Several hosts: the turns of requests in one place, and which code may work on a warehouse."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "request_turns",
        sa.Column("source", sa.Text(), nullable=False, comment="Host of the source that is asked."),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the next request would be due if all came evenly.",
        ),
        sa.Column(
            "held_until_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Nobody starts before, because the source has asked for patience.",
        ),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False, comment="When turns were last taken."),
        sa.PrimaryKeyConstraint("source", name="request_turns_pkey"),
        schema="minerecon",
        comment="Turns of requests, over all hosts; unlogged: what a crash empties begins without a burst.",
        prefixes=["UNLOGGED"],
    )
    # A row that is written a thousand times a minute, while transactions are open that keep its old versions.
    op.execute("ALTER TABLE minerecon.request_turns SET (fillfactor = 10, autovacuum_vacuum_cost_delay = 0)")
    op.create_table(
        "schema_compatibility",
        sa.Column(
            "min_code_revision",
            sa.Text(),
            nullable=False,
            comment="The oldest revision of the schema whose code may work on this one.",
        ),
        sa.Column(
            "reference_sha256",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the lists of the code that this warehouse was brought up to date with.",
        ),
        sa.PrimaryKeyConstraint("min_code_revision", name="schema_compatibility_pkey"),
        schema="minerecon",
        comment="One row: which code may work on this warehouse, and whose lists it holds; written by db upgrade.",
    )
