"""The first warehouse: a settlement day, end to end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bitcoin_difficulty",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column(
            "difficulty",
            sa.Numeric(),
            nullable=False,
            comment="Bitcoin network difficulty in force at 00:00 UTC of the date.",
        ),
        sa.Column("source_table", sa.Text(), nullable=False, comment="DynamoDB table that the value was read from."),
        sa.CheckConstraint(
            "difficulty > 0 AND difficulty < 'Infinity'", name=op.f("bitcoin_difficulty_difficulty_positive_check")
        ),
        sa.PrimaryKeyConstraint("settlement_date", name=op.f("bitcoin_difficulty_pkey")),
        schema="minerecon",
        comment="The network difficulty that a day was computed with.",
    )
    op.create_table(
        "block_subsidies",
        sa.Column("first_height", sa.Integer(), nullable=False, comment="First block of the era."),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False, comment="When that block was mined (UTC)."),
        sa.Column("block_subsidy_btc", sa.Numeric(), nullable=False, comment="New Bitcoin per block, in BTC."),
        sa.CheckConstraint("block_subsidy_btc > 0", name=op.f("block_subsidies_positive_check")),
        sa.PrimaryKeyConstraint("first_height", name=op.f("block_subsidies_pkey")),
        sa.UniqueConstraint("starts_at", name=op.f("block_subsidies_starts_at_key")),
        schema="minerecon",
        comment="Eras of the block subsidy. The list in the code is the master.",
    )
    op.create_table(
        "bm_units",
        sa.Column("bmu_id", sa.Text(), nullable=False, comment="Elexon's id of the BM unit, as in T_SGRWO-1."),
        sa.Column(
            "valid_from",
            sa.Date(),
            nullable=False,
            comment="First day of this version; the first one covers all days before.",
        ),
        sa.Column(
            "valid_to",
            sa.Date(),
            nullable=True,
            comment="The day from which this version no longer holds; NULL: in force.",
        ),
        sa.Column("national_grid_bmu_id", sa.Text(), nullable=True, comment="The system operator's id of the unit."),
        sa.Column("name", sa.Text(), nullable=True, comment="Name in the register."),
        sa.Column("lead_party_name", sa.Text(), nullable=True, comment="The party responsible for the unit."),
        sa.Column(
            "fuel_type", sa.Text(), nullable=True, comment="Fuel; WIND is what counts here. NULL for most units."
        ),
        sa.Column("bmu_type", sa.Text(), nullable=True, comment="Elexon's type of BM unit: T, E, S, V, …"),
        sa.Column(
            "generation_capacity_mw", sa.Numeric(), nullable=True, comment="Registered generation capacity in MW."
        ),
        sa.Column(
            "looks_like_wind",
            sa.Boolean(),
            nullable=False,
            comment="Whether name or id look like a wind farm's: a hint.",
        ),
        sa.Column(
            "is_synthetic",
            sa.Boolean(),
            nullable=False,
            comment="True where the answers are the bundled sample's, made up, and not Elexon's.",
        ),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("bm_units_valid_range_check")),
        sa.PrimaryKeyConstraint("bmu_id", "valid_from", name=op.f("bm_units_pkey")),
        schema="minerecon",
        comment="Dated versions of Elexon's register of BM units; a settlement day uses the version in force.",
    )
    op.create_table(
        "curtailment_records",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column(
            "settlement_period",
            sa.SmallInteger(),
            nullable=False,
            comment="Settlement period, counted from 1: 48 a day, 46 or 50 when the clocks change.",
        ),
        sa.Column(
            "start_time", sa.DateTime(timezone=True), nullable=False, comment="UTC start of the settlement period."
        ),
        sa.Column("stack_side", sa.Text(), nullable=False, comment="Side of the settlement stack: bid or offer."),
        sa.Column("bmu_id", sa.Text(), nullable=False, comment="BM unit, as in T_SGRWO-1."),
        sa.Column(
            "acceptance_id",
            sa.BigInteger(),
            nullable=True,
            comment="Elexon's number of the bid-offer acceptance; NULL where it has none.",
        ),
        sa.Column(
            "bid_offer_pair_id",
            sa.SmallInteger(),
            nullable=True,
            comment="Bid-offer pair; NULL where Elexon gives none.",
        ),
        sa.Column(
            "sequence_number", sa.Integer(), nullable=False, comment="Place of the row in the stack of its period."
        ),
        sa.Column(
            "lead_party_name",
            sa.Text(),
            nullable=True,
            comment="Lead party of the unit, from the register version in force.",
        ),
        sa.Column(
            "volume_mwh", sa.Numeric(), nullable=False, comment="Accepted volume in MWh as Elexon has it: negative."
        ),
        sa.Column(
            "curtailed_mwh",
            sa.Numeric(),
            sa.Computed("-volume_mwh", persisted=True),
            nullable=False,
            comment="Energy not generated, in MWh: minus volume_mwh.",
        ),
        sa.Column(
            "original_price_gbp_per_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Price of the bid in GBP/MWh; negative: the farm is paid. NULL where Elexon gives none.",
        ),
        sa.Column(
            "final_price_gbp_per_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Price in GBP/MWh after Elexon's tagging; often NULL.",
        ),
        sa.Column(
            "payment_gbp",
            sa.Numeric(),
            sa.Computed("volume_mwh * original_price_gbp_per_mwh", persisted=True),
            nullable=True,
            comment="Payment to the farm in GBP: volume × original price, negative where the farm pays; NULL without a price.",
        ),
        sa.Column(
            "so_flag",
            sa.Boolean(),
            nullable=True,
            comment="Taken for system reasons: the headline counts these. NULL as Elexon has it.",
        ),
        sa.Column(
            "cadl_flag",
            sa.Boolean(),
            nullable=True,
            comment="Shorter than the continuous acceptance duration limit. NULL as Elexon has it.",
        ),
        sa.Column(
            "elexon_created_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When Elexon's settlement run made the row.",
        ),
        sa.CheckConstraint("stack_side IN ('bid', 'offer')", name=op.f("curtailment_records_side_check")),
        sa.CheckConstraint("settlement_period BETWEEN 1 AND 50", name=op.f("curtailment_records_period_range_check")),
        sa.CheckConstraint("volume_mwh < 0", name=op.f("curtailment_records_volume_negative_check")),
        sa.UniqueConstraint(
            "settlement_date",
            "settlement_period",
            "stack_side",
            "bmu_id",
            "acceptance_id",
            "bid_offer_pair_id",
            "sequence_number",
            name="curtailment_records_identity_key",
            postgresql_nulls_not_distinct=True,
        ),
        schema="minerecon",
        comment="Accepted wind bids: a row of Elexon's settlement stack each, both flags; the headline counts so_flag.",
    )
    op.create_table(
        "daily_summaries",
        sa.Column("summary_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."),
        sa.Column(
            "curtailed_mwh", sa.Numeric(), nullable=False, comment="Headline: SO-flagged curtailed energy, in MWh."
        ),
        sa.Column(
            "payment_gbp",
            sa.Numeric(),
            sa.Computed("paid_gbp - refunded_gbp", persisted=True),
            nullable=False,
            comment="Net payment to farms for SO-flagged energy, in GBP: paid − refunded.",
        ),
        sa.Column(
            "paid_gbp",
            sa.Numeric(),
            nullable=False,
            comment="Paid to farms for SO-flagged energy, in GBP, not negative.",
        ),
        sa.Column(
            "refunded_gbp",
            sa.Numeric(),
            nullable=False,
            comment="Paid by farms for SO-flagged energy, in GBP, not negative.",
        ),
        sa.Column(
            "unpriced_mwh",
            sa.Numeric(),
            nullable=False,
            comment="SO-flagged energy without a price, in MWh: in no payment.",
        ),
        sa.Column(
            "all_bids_mwh", sa.Numeric(), nullable=False, comment="Energy of all accepted wind bids, any flag, in MWh."
        ),
        sa.Column(
            "all_bids_payment_gbp",
            sa.Numeric(),
            nullable=False,
            comment="Net payment for all accepted wind bids, in GBP.",
        ),
        sa.Column("record_count", sa.Integer(), nullable=False, comment="Accepted wind bids, any flag."),
        sa.Column("bmu_count", sa.Integer(), nullable=False, comment="BM units with an accepted wind bid, any flag."),
        sa.Column("so_record_count", sa.Integer(), nullable=False, comment="SO-flagged wind bids."),
        sa.Column(
            "periods_expected",
            sa.SmallInteger(),
            nullable=False,
            comment="Settlement periods of the day: 46, 48 or 50.",
        ),
        sa.Column(
            "periods_due",
            sa.SmallInteger(),
            nullable=False,
            comment="Periods that Elexon should have published when fetched.",
        ),
        sa.Column(
            "periods_present",
            sa.SmallInteger(),
            nullable=False,
            comment="Periods with rows, or known to be empty, on every side.",
        ),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="final, provisional (may change) or incomplete (periods missing).",
        ),
        sa.Column(
            "is_final",
            sa.Boolean(),
            sa.Computed("state = 'final'", persisted=True),
            nullable=False,
            comment="Whether state is final.",
        ),
        sa.Column(
            "wind_generation_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Wind output of the day in MWh; NULL where it is not known.",
        ),
        sa.Column(
            "wind_onshore_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Onshore wind output in MWh; NULL where it is not known.",
        ),
        sa.Column(
            "wind_offshore_mwh",
            sa.Numeric(),
            nullable=True,
            comment="Offshore wind output in MWh; NULL where it is not known.",
        ),
        sa.Column(
            "curtailed_share",
            sa.Numeric(),
            sa.Computed("curtailed_mwh / NULLIF(wind_generation_mwh + curtailed_mwh, 0)", persisted=True),
            nullable=True,
            comment="SO-flagged curtailed energy over generated plus curtailed; NULL where generation is not known.",
        ),
        sa.Column("archive_uri", sa.Text(), nullable=False, comment="The archive object that the day was built from."),
        sa.Column(
            "is_synthetic",
            sa.Boolean(),
            nullable=False,
            comment="True where the answers are the bundled sample's, made up, and not Elexon's.",
        ),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=False, comment="When the day was last built."),
        sa.CheckConstraint("state IN ('final', 'provisional', 'incomplete')", name=op.f("daily_summaries_state_check")),
        sa.CheckConstraint(
            "all_bids_mwh >= curtailed_mwh AND record_count >= so_record_count",
            name=op.f("daily_summaries_all_bids_cover_so_check"),
        ),
        sa.CheckConstraint(
            "curtailed_mwh >= 0 AND paid_gbp >= 0 AND refunded_gbp >= 0 AND unpriced_mwh >= 0",
            name=op.f("daily_summaries_not_negative_check"),
        ),
        sa.CheckConstraint(
            "periods_due BETWEEN 0 AND periods_expected AND periods_present BETWEEN 0 AND periods_expected",
            name=op.f("daily_summaries_periods_check"),
        ),
        sa.CheckConstraint("periods_expected IN (46, 48, 50)", name=op.f("daily_summaries_periods_expected_check")),
        sa.PrimaryKeyConstraint("summary_date", name=op.f("daily_summaries_pkey")),
        schema="minerecon",
        comment="A settlement day's curtailment. Derived from curtailment_records, and from nothing else.",
    )
    op.create_table(
        "day_locks",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.PrimaryKeyConstraint("settlement_date", name=op.f("day_locks_pkey")),
        schema="minerecon",
        comment="Held by an open transaction while a day is worked on, so that no two runs meet; always looks empty.",
    )
    op.create_table(
        "ingestion_progress",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column(
            "settlement_period",
            sa.SmallInteger(),
            nullable=False,
            comment="Settlement period, counted from 1: 48 a day, 46 or 50 when the clocks change.",
        ),
        sa.Column("stack_side", sa.Text(), nullable=False, comment="Side of the settlement stack: bid or offer."),
        sa.Column("status", sa.Text(), nullable=False, comment="rows, empty, unpublished or failed."),
        sa.Column("row_count", sa.Integer(), nullable=False, comment="Rows of any unit in the answer."),
        sa.Column(
            "payload_sha256", sa.Text(), nullable=True, comment="SHA-256 of the answer; NULL where there was none."
        ),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False, comment="When it was last looked at."),
        sa.Column(
            "archive_uri",
            sa.Text(),
            nullable=True,
            comment="The archive object with the answer; NULL where the attempt was not kept.",
        ),
        sa.Column(
            "error", sa.Text(), nullable=True, comment="What went wrong, and what to do; NULL where nothing did."
        ),
        sa.Column(
            "is_synthetic",
            sa.Boolean(),
            nullable=False,
            comment="True where the answers are the bundled sample's, made up, and not Elexon's.",
        ),
        sa.CheckConstraint("(status = 'rows') = (row_count > 0)", name=op.f("ingestion_progress_rows_counted_check")),
        sa.CheckConstraint("stack_side IN ('bid', 'offer')", name=op.f("ingestion_progress_side_check")),
        sa.CheckConstraint(
            "status IN ('rows', 'empty', 'unpublished', 'failed')", name=op.f("ingestion_progress_status_check")
        ),
        sa.CheckConstraint("settlement_period BETWEEN 1 AND 50", name=op.f("ingestion_progress_period_range_check")),
        sa.PrimaryKeyConstraint(
            "settlement_date", "settlement_period", "stack_side", name=op.f("ingestion_progress_pkey")
        ),
        schema="minerecon",
        comment="The latest attempt to fetch each settlement period, recorded when its day fails too.",
    )
    op.create_table(
        "miner_models",
        sa.Column("miner_model", sa.Text(), nullable=False, comment="Name of the machine."),
        sa.Column("hashrate_ths", sa.Numeric(), nullable=False, comment="Hash rate in TH/s."),
        sa.Column("power_w", sa.Numeric(), nullable=False, comment="Power drawn, in watts."),
        sa.CheckConstraint("hashrate_ths > 0 AND power_w > 0", name=op.f("miner_models_positive_check")),
        sa.PrimaryKeyConstraint("miner_model", name=op.f("miner_models_pkey")),
        schema="minerecon",
        comment="Mining machines. The list in the code is the master; db upgrade and every run copy it here.",
    )
    op.create_table(
        "reconciliation_results",
        sa.Column(
            "result_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the evaluation."
        ),
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column("check_family", sa.Text(), nullable=False, comment="The Dagster check that the property belongs to."),
        sa.Column("check_name", sa.Text(), nullable=False, comment="The property that was looked at."),
        sa.Column("passed", sa.Boolean(), nullable=False, comment="Whether it held."),
        sa.Column(
            "severity",
            sa.Text(),
            nullable=False,
            comment="ERROR: what follows would be wrong. WARN: a person should look.",
        ),
        sa.Column("expected", sa.Text(), nullable=True, comment="What should be there."),
        sa.Column("actual", sa.Text(), nullable=True, comment="What is there."),
        sa.Column(
            "looked_at",
            sa.BigInteger(),
            nullable=False,
            comment="How many things were compared; nothing looked at fails.",
        ),
        sa.Column("violation_count", sa.BigInteger(), nullable=False, comment="How many violate the property."),
        sa.Column(
            "violations",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="A bounded sample of the violators.",
        ),
        sa.Column("repair", sa.Text(), nullable=False, comment="The command that repairs it."),
        sa.Column("run_id", sa.Text(), nullable=True, comment="The Dagster run that evaluated it."),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False, comment="When it was evaluated."),
        sa.CheckConstraint("severity IN ('ERROR', 'WARN')", name=op.f("reconciliation_results_severity_check")),
        sa.CheckConstraint(
            "NOT passed OR (looked_at > 0 AND violation_count = 0)",
            name=op.f("reconciliation_results_pass_has_evidence_check"),
        ),
        sa.PrimaryKeyConstraint("result_id", name=op.f("reconciliation_results_pkey")),
        schema="minerecon",
        comment="Every evaluation of every property of every day: the reconciliation, on record.",
    )
    op.create_index(
        op.f("reconciliation_results_settlement_date_check_family_check_name_result_id_idx"),
        "reconciliation_results",
        ["settlement_date", "check_family", "check_name", "result_id"],
        unique=False,
        schema="minerecon",
    )
    op.create_table(
        "bitcoin_daily_summaries",
        sa.Column("summary_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."),
        sa.Column("miner_model", sa.Text(), nullable=False, comment="Miner model, as in miner_models."),
        sa.Column(
            "mined_btc",
            sa.Numeric(),
            nullable=False,
            comment="Bitcoin that the day's SO-flagged energy could have mined.",
        ),
        sa.CheckConstraint("mined_btc >= 0", name=op.f("bitcoin_daily_summaries_not_negative_check")),
        sa.ForeignKeyConstraint(
            ["miner_model"],
            ["minerecon.miner_models.miner_model"],
            name=op.f("bitcoin_daily_summaries_miner_model_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["summary_date"],
            ["minerecon.daily_summaries.summary_date"],
            name=op.f("bitcoin_daily_summaries_summary_date_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("summary_date", "miner_model", name=op.f("bitcoin_daily_summaries_pkey")),
        schema="minerecon",
        comment="A day's Bitcoin per miner model: the sum of historical_bitcoin_calculations.",
    )
    op.create_table(
        "historical_bitcoin_calculations",
        sa.Column(
            "settlement_date", sa.Date(), nullable=False, comment="Settlement date: a Europe/London calendar day."
        ),
        sa.Column(
            "settlement_period",
            sa.SmallInteger(),
            nullable=False,
            comment="Settlement period, counted from 1: 48 a day, 46 or 50 when the clocks change.",
        ),
        sa.Column("bmu_id", sa.Text(), nullable=False, comment="BM unit."),
        sa.Column("miner_model", sa.Text(), nullable=False, comment="Miner model, as in miner_models."),
        sa.Column(
            "curtailed_mwh",
            sa.Numeric(),
            nullable=False,
            comment="SO-flagged energy of the unit in the period, in MWh.",
        ),
        sa.Column("difficulty", sa.Numeric(), nullable=False, comment="Network difficulty used."),
        sa.Column(
            "block_subsidy_btc",
            sa.Numeric(),
            nullable=False,
            comment="Block subsidy in force at the period's start, in BTC.",
        ),
        sa.Column(
            "mined_btc", sa.Numeric(), nullable=False, comment="Bitcoin that the energy could have mined, in BTC."
        ),
        sa.Column(
            "formula_version", sa.SmallInteger(), nullable=False, comment="Version of the formula that made the row."
        ),
        sa.CheckConstraint(
            "curtailed_mwh > 0 AND difficulty > 0 AND block_subsidy_btc > 0 AND mined_btc > 0",
            name=op.f("historical_bitcoin_calculations_positive_check"),
        ),
        sa.CheckConstraint(
            "settlement_period BETWEEN 1 AND 50", name=op.f("historical_bitcoin_calculations_period_range_check")
        ),
        sa.PrimaryKeyConstraint(
            "settlement_date",
            "settlement_period",
            "bmu_id",
            "miner_model",
            name=op.f("historical_bitcoin_calculations_pkey"),
        ),
        schema="minerecon",
        comment="Bitcoin that the SO-flagged curtailed energy could have mined, per period, unit and miner model.",
    )
