"""Units that a day left out because the register had them as no wind farms, in case it learns better.

Days stored before have none: nothing is built again, and they are shown as they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "left_out_units",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column(
            "bmu_ids",
            sa.ARRAY(sa.Text()),
            nullable=False,
            comment="BM units as Elexon's rows have them, in their order.",
        ),
        sa.Column(
            "all_bids_mwh",
            sa.ARRAY(sa.Numeric()),
            nullable=False,
            comment="Of each, the energy of all its bids, any flag, in MWh: in no sum; 0 where EBOCF alone has it.",
        ),
        sa.ForeignKeyConstraint(
            ["settlement_date"],
            ["minerecon.daily_summaries.summary_date"],
            name=op.f("left_out_units_settlement_date_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("settlement_date", name=op.f("left_out_units_pkey")),
        schema="minerecon",
        comment="Units that were turned down on a stored day and are no wind farms by the register: kept to find the days "
        "that lack one which it maps as WIND later.",
    )
