"""Notified potential of wind units (PN), per unit and period, unit and day, and zone and period.

Days that are stored get theirs by one request each, so many a run; no day has to be built again for it. What is wrong
with it stands beside the day: results say so.
"""

from __future__ import annotations

from decimal import Decimal

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_DAY = "Settlement date: a Europe/London calendar day."
_PERIOD = "Settlement period, counted from 1: 48 a day, 46 or 50 when the clocks change."
_UNIT = "BM unit: a wind farm."
_BIDS = "in MWh: negative, as Elexon has them"


def _figures(comments: dict[str, str | None], nullable: set[str]) -> list[sa.Column[Decimal]]:
    return [
        sa.Column(name, sa.Numeric(), nullable=name in nullable, comment=comment) for name, comment in comments.items()
    ]


def upgrade() -> None:
    op.create_table(
        "unit_period_potential",
        sa.Column("settlement_date", sa.Date(), nullable=False, comment=_DAY),
        sa.Column("settlement_period", sa.SmallInteger(), nullable=False, comment=_PERIOD),
        sa.Column("bmu_id", sa.Text(), nullable=False, comment=_UNIT),
        *_figures(
            {
                "potential_mwh": "Notified potential in MWh: the area under the unit's physical notification (PN), to 6 "
                "decimals; NULL where that does not cover the period once.",
                "bids_mwh": f"All accepted bids {_BIDS}.",
                "so_bids_mwh": f"SO-flagged bids {_BIDS}.",
                "offers_mwh": "Accepted offers in MWh: beside a bid they take it back. NULL where offers are not fetched.",
                "instructed_mwh": "What the unit was told to give, in MWh: potential + bids + offers; NULL where one is "
                "not known.",
            },
            {"potential_mwh", "offers_mwh", "instructed_mwh"},
        ),
        sa.PrimaryKeyConstraint("settlement_date", "settlement_period", "bmu_id", name="unit_period_potential_pkey"),
        sa.CheckConstraint("settlement_period BETWEEN 1 AND 50", name="unit_period_potential_period_range_check"),
        sa.CheckConstraint(
            "bids_mwh < 0 AND so_bids_mwh <= 0 AND offers_mwh >= 0", name="unit_period_potential_signs_check"
        ),
        schema="minerecon",
        comment="Notified potential (PN) of wind units per settlement period with an accepted bid, beside what was "
        "accepted.",
    )
    op.create_table(
        "unit_daily_potential",
        sa.Column("settlement_date", sa.Date(), nullable=False, comment=_DAY),
        sa.Column("bmu_id", sa.Text(), nullable=False, comment=_UNIT),
        *_figures(
            {
                "potential_mwh": "Notified potential of the day in MWh; NULL unless every period has a notification (PN).",
                "known_mwh": "Notified potential of the periods that have one, in MWh.",
            },
            {"potential_mwh"},
        ),
        sa.Column(
            "periods_with_pn",
            sa.SmallInteger(),
            nullable=False,
            comment="Periods of the day whose notification is known.",
        ),
        sa.Column("periods", sa.SmallInteger(), nullable=False, comment="Settlement periods of the day: 46, 48 or 50."),
        *_figures(
            {
                "bids_mwh": f"All accepted bids of the day {_BIDS}.",
                "so_bids_mwh": f"SO-flagged bids of the day {_BIDS}.",
                "taken_back_mwh": "Accepted offers of the periods with a bid, in MWh: what of the bids was taken back. "
                "NULL where offers are not fetched.",
                "instructed_mwh": "What the unit was told to give on the day, in MWh: potential + bids + all offers; NULL "
                "where one is not known.",
            },
            {"taken_back_mwh", "instructed_mwh"},
        ),
        sa.PrimaryKeyConstraint("settlement_date", "bmu_id", name="unit_daily_potential_pkey"),
        sa.CheckConstraint("periods_with_pn BETWEEN 0 AND periods", name="unit_daily_potential_periods_check"),
        schema="minerecon",
        comment="Notified potential (PN) of every wind unit that was asked for, per day. What a farm says, and not what "
        "the wind would have given.",
    )
    op.create_table(
        "period_potential",
        sa.Column("settlement_date", sa.Date(), nullable=False, comment=_DAY),
        sa.Column("settlement_period", sa.SmallInteger(), nullable=False, comment=_PERIOD),
        sa.Column(
            "zone", sa.Text(), nullable=False, comment="GSP group of the units, as in _P; unknown where they have none."
        ),
        *_figures({"potential_mwh": "Notified potential of the units that have one, in MWh."}, set()),
        *(
            sa.Column(name, sa.SmallInteger(), nullable=False, comment=comment)
            for name, comment in {
                "units_asked": "Wind units that were asked for.",
                "units_present": "Those of them whose notification (PN) is known.",
                "units_with_bid": "Units with an accepted bid.",
                "units_with_bid_and_pn": "Those of them whose notification (PN) is known.",
            }.items()
        ),
        *_figures(
            {
                "bids_mwh": f"All bids of units whose notification is known, {_BIDS}.",
                "so_bids_mwh": f"SO-flagged bids of these units, {_BIDS}.",
                "taken_back_mwh": "Accepted offers of these units beside a bid, in MWh. NULL where offers are not fetched.",
            },
            {"taken_back_mwh"},
        ),
        sa.PrimaryKeyConstraint("settlement_date", "settlement_period", "zone", name="period_potential_pkey"),
        sa.CheckConstraint("settlement_period BETWEEN 1 AND 50", name="period_potential_period_range_check"),
        sa.CheckConstraint("units_present BETWEEN 0 AND units_asked", name="period_potential_units_check"),
        schema="minerecon",
        comment="Notified potential (PN) of wind units per settlement period and zone, beside the bids of the same units.",
    )
    op.add_column(
        "later_answers",
        sa.Column(
            "built_at",
            sa.DateTime(timezone=True),
            comment="When its rows were last written; NULL where they never were.",
        ),
        schema="minerecon",
    )
    for table in ("reconciliation_results", "reconciliation_latest"):
        op.add_column(
            table,
            sa.Column(
                "is_beside",
                sa.Boolean(),
                nullable=False,
                server_default="false",
                comment="Whether it is of figures that stand beside the day's: at ERROR they are not shown, and the day "
                "warns.",
            ),
            schema="minerecon",
        )
    for table in ("monthly_summaries", "yearly_summaries"):
        op.add_column(
            table,
            sa.Column(
                "potential_days",
                sa.SmallInteger(),
                nullable=False,
                server_default="0",
                comment="Days among those present of which notified potential (PN) is there: what potential is of.",
            ),
            schema="minerecon",
        )
