"""The register: answers that were refused, and units that are not counted on a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "register_refusals",
        sa.Column(
            "refusal_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the refusal."
        ),
        sa.Column(
            "payload_sha256", sa.Text(), nullable=False, comment="SHA-256 of the answer: what a person accepts it by."
        ),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="waiting, accepted, or superseded: a newer answer was believed."
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why it was not believed."),
        sa.Column("unit_count", sa.Integer(), nullable=False, comment="Units in the answer."),
        sa.Column("wind_unit_count", sa.Integer(), nullable=False, comment="Wind units in the answer."),
        sa.Column("lost_unit_count", sa.Integer(), nullable=False, comment="Wind units that it would take away."),
        sa.Column("lost_capacity_mw", sa.Numeric(), nullable=False, comment="Their generation capacity in MW."),
        sa.Column(
            "lost_units",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Those units, and how each is lost.",
        ),
        sa.Column("archive_uri", sa.Text(), nullable=False, comment="The archive object with the answer."),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False, comment="When it was refused first."),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False, comment="When it was refused last."),
        sa.Column("accepted_by", sa.Text(), nullable=True, comment="Who has accepted it; NULL where nobody has."),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True, comment="When it was accepted."),
        sa.Column(
            "changes",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Wind units that accepting it changed: new, gone, no longer wind, lead party.",
        ),
        sa.Column(
            "is_synthetic",
            sa.Boolean(),
            nullable=False,
            comment="True where the answers are the bundled sample's, made up, and not Elexon's.",
        ),
        sa.CheckConstraint(
            "(state = 'accepted') = (accepted_by IS NOT NULL AND accepted_at IS NOT NULL)",
            name=op.f("register_refusals_accepted_check"),
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'accepted', 'superseded')", name=op.f("register_refusals_state_check")
        ),
        sa.PrimaryKeyConstraint("refusal_id", name=op.f("register_refusals_pkey")),
        schema="minerecon",
        comment="Answers of the register that were refused as unbelievable, and what became of them.",
    )
    op.create_index(
        op.f("register_refusals_payload_sha256_idx"),
        "register_refusals",
        ["payload_sha256"],
        unique=True,
        schema="minerecon",
        postgresql_where="state = 'waiting'",
    )
    op.create_table(
        "uncounted_units",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column("bmu_id", sa.Text(), nullable=False, comment="BM unit as Elexon's rows have it."),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=False,
            comment="unknown (to the register), unmapped (not as WIND), renamed, or spelt otherwise (in blanks or case).",
        ),
        sa.Column("is_wind_like", sa.Boolean(), nullable=False, comment="Whether it is likely to be a wind farm."),
        sa.Column("likely_bmu_id", sa.Text(), nullable=True, comment="The unit of the register that it probably is."),
        sa.Column("name", sa.Text(), nullable=True, comment="Name in the register."),
        sa.Column(
            "lead_party_name", sa.Text(), nullable=True, comment="Lead party, from the register or from Elexon's rows."
        ),
        sa.Column("fuel_type", sa.Text(), nullable=True, comment="Fuel type in the register."),
        sa.Column(
            "curtailed_mwh", sa.Numeric(), nullable=False, comment="SO-flagged energy of its bids, in MWh: in no sum."
        ),
        sa.Column("payment_gbp", sa.Numeric(), nullable=False, comment="Net payment for it, in GBP: in no sum."),
        sa.Column(
            "all_bids_mwh", sa.Numeric(), nullable=False, comment="Energy of all its bids, any flag, in MWh: in no sum."
        ),
        sa.Column(
            "all_bids_payment_gbp", sa.Numeric(), nullable=False, comment="Net payment for it, in GBP: in no sum."
        ),
        sa.Column(
            "seen_in",
            sa.Text(),
            nullable=False,
            comment="stack; or where the stack has no bid of it, the control total that has: BOAV (energy), EBOCF (money).",
        ),
        sa.CheckConstraint(
            "reason IN ('unknown', 'unmapped', 'renamed', 'spelt otherwise')", name=op.f("uncounted_units_reason_check")
        ),
        sa.CheckConstraint("seen_in IN ('stack', 'BOAV', 'EBOCF')", name=op.f("uncounted_units_seen_in_check")),
        sa.ForeignKeyConstraint(
            ["settlement_date"],
            ["minerecon.daily_summaries.summary_date"],
            name=op.f("uncounted_units_settlement_date_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("settlement_date", "bmu_id", name=op.f("uncounted_units_pkey")),
        schema="minerecon",
        comment="Units that were turned down on a stored day, are not counted in it, and may be wind farms.",
    )
