"""Figures: say that a wind output of 0 beside accepted wind bids is stored as not known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for kind in ("onshore", "offshore"):
        op.alter_column(
            "wind_generation_data",
            f"wind_{kind}_mw",
            existing_type=sa.Numeric(),
            existing_nullable=True,
            existing_comment=f"Mean {kind} wind output over the period in MW; NULL: not published.",
            comment=f"Mean {kind} wind output over the period in MW; NULL: not published, or 0 beside wind bids.",
            schema="minerecon",
        )
