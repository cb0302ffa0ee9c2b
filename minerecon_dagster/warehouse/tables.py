r"""The one description of the warehouse: tables, columns, constraints, and what each means.

Migrations, the data dictionary, Dagster's column schemas and the comments that ``\d+`` shows all come
from here, but for the tables of the datasets of a settlement day: each stands with its dataset
(`elexon.datasets`), in the same `metadata`. Energy, money and Bitcoin are ``numeric`` without a scale, exact; instants are ``timestamptz``.
What is derived within a row is a generated column, so that no second formula can exist.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from minerecon_dagster.warehouse import sums

SCHEMA = "minerecon"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)

Instant = DateTime(timezone=True)
"""An instant; shown in UTC."""
_DATE = "Settlement date: a Europe/London calendar day."
_PERIOD = "Settlement period, counted from 1: 48 a day, 46 or 50 when the clocks change."
_SIDE = "Side of the settlement stack: bid or offer."
_MODEL = "Miner model, as in miner_models."
_SYNTHETIC = "True where the answers are the bundled sample's, made up, and not Elexon's."


def period_range(column: str = "settlement_period") -> CheckConstraint:
    """That a column holds settlement periods."""
    return CheckConstraint(f"{column} BETWEEN 1 AND 50", name="period_range")


def side_names() -> CheckConstraint:
    """That ``stack_side`` holds sides of the stack."""
    return CheckConstraint("stack_side IN ('bid', 'offer')", name="side")


def settlement_date() -> Column[Any]:
    """The day of a row."""
    return Column("settlement_date", Date, nullable=False, comment=_DATE)


def settlement_period() -> tuple[Column[Any], Column[Any], Column[Any]]:
    """The day, period and start of a row."""
    return (
        settlement_date(),
        Column("settlement_period", SmallInteger, nullable=False, comment=_PERIOD),
        Column("start_time", Instant, nullable=False, comment="UTC start of the settlement period."),
    )


def stack_side() -> Column[Any]:
    """The side of the stack of a row."""
    return Column("stack_side", Text, nullable=False, comment=_SIDE)


def of_side_and_unit() -> tuple[Any, ...]:
    """What tells the rows of a control total apart: the day, the side and the unit."""
    return (
        settlement_date(),
        stack_side(),
        Column("bmu_id", Text, nullable=False, comment="BM unit: a wind farm."),
        PrimaryKeyConstraint("settlement_date", "stack_side", "bmu_id"),
        side_names(),
    )


bitcoin_difficulty = Table(
    "bitcoin_difficulty",
    metadata,
    Column("settlement_date", Date, primary_key=True, comment=_DATE),
    Column(
        "difficulty", Numeric, nullable=False, comment="Bitcoin network difficulty in force at 00:00 UTC of the date."
    ),
    Column("source_table", Text, nullable=False, comment="DynamoDB table that the value was read from."),
    CheckConstraint("difficulty > 0 AND difficulty < 'Infinity'", name="difficulty_positive"),
    comment="The network difficulty that a day was computed with.",
)

miner_models = Table(
    "miner_models",
    metadata,
    Column("miner_model", Text, primary_key=True, comment="Name of the machine."),
    Column("hashrate_ths", Numeric, nullable=False, comment="Hash rate in TH/s."),
    Column("power_w", Numeric, nullable=False, comment="Power drawn, in watts."),
    CheckConstraint("hashrate_ths > 0 AND power_w > 0", name="positive"),
    comment="Mining machines. The list in the code is the master; db upgrade and every run copy it here.",
)

block_subsidies = Table(
    "block_subsidies",
    metadata,
    Column("first_height", Integer, primary_key=True, comment="First block of the era."),
    Column("starts_at", Instant, nullable=False, unique=True, comment="When that block was mined (UTC)."),
    Column("block_subsidy_btc", Numeric, nullable=False, comment="New Bitcoin per block, in BTC."),
    CheckConstraint("block_subsidy_btc > 0", name="positive"),
    comment="Eras of the block subsidy. The list in the code is the master.",
)

# No foreign key to miner_models: 5,000 look-ups a windy day, a third of the time of the insert. A day's models are held
# to the list by bitcoin_daily_summaries, and its rows to the models by the conservation check.
historical_bitcoin_calculations = Table(
    "historical_bitcoin_calculations",
    metadata,
    Column("settlement_date", Date, nullable=False, comment=_DATE),
    Column("settlement_period", SmallInteger, nullable=False, comment=_PERIOD),
    Column("bmu_id", Text, nullable=False, comment="BM unit."),
    Column("miner_model", Text, nullable=False, comment=_MODEL),
    Column("curtailed_mwh", Numeric, nullable=False, comment="SO-flagged energy of the unit in the period, in MWh."),
    Column("difficulty", Numeric, nullable=False, comment="Network difficulty used."),
    Column(
        "block_subsidy_btc", Numeric, nullable=False, comment="Block subsidy in force at the period's start, in BTC."
    ),
    Column("mined_btc", Numeric, nullable=False, comment="Bitcoin that the energy could have mined, in BTC."),
    Column("formula_version", SmallInteger, nullable=False, comment="Version of the formula that made the row."),
    PrimaryKeyConstraint("settlement_date", "settlement_period", "bmu_id", "miner_model"),
    CheckConstraint(
        "curtailed_mwh > 0 AND difficulty > 0 AND block_subsidy_btc > 0 AND mined_btc > 0", name="positive"
    ),
    period_range(),
    comment="Bitcoin that the SO-flagged curtailed energy could have mined, per period, unit and miner model.",
)

daily_summaries = Table(
    "daily_summaries",
    metadata,
    Column("summary_date", Date, primary_key=True, comment=_DATE),
    *sums.columns_of_a_day(),
    sums.net_payment(),
    Column("bmu_count", Integer, nullable=False, comment="BM units with an accepted wind bid, any flag."),
    Column("periods_expected", SmallInteger, nullable=False, comment="Settlement periods of the day: 46, 48 or 50."),
    Column(
        "periods_due", SmallInteger, nullable=False, comment="Periods that Elexon should have published when fetched."
    ),
    Column(
        "periods_present",
        SmallInteger,
        nullable=False,
        comment="Periods with rows, or known to be empty, on every side.",
    ),
    Column("state", Text, nullable=False, comment="final, provisional (may change) or incomplete (periods missing)."),
    Column(
        "is_final",
        Boolean,
        Computed("state = 'final'", persisted=True),
        nullable=False,
        comment="Whether state is final.",
    ),
    *sums.wind_output_of_a_day(),
    sums.curtailed_share(),
    *sums.turn_up_of_a_day(),
    Column("archive_uri", Text, nullable=False, comment="The archive object that the day was built from."),
    Column("is_synthetic", Boolean, nullable=False, comment=_SYNTHETIC),
    Column("built_from", Text, comment="Fingerprint of all that the day was built from: same inputs, same text."),
    Column("built_at", Instant, nullable=False, comment="When the day was last built, or its state last changed."),
    CheckConstraint("state IN ('final', 'provisional', 'incomplete')", name="state"),
    CheckConstraint("periods_expected IN (46, 48, 50)", name="periods_expected"),
    CheckConstraint(
        "periods_due BETWEEN 0 AND periods_expected AND periods_present BETWEEN 0 AND periods_expected",
        name="periods",
    ),
    CheckConstraint(
        "curtailed_mwh >= 0 AND paid_gbp >= 0 AND refunded_gbp >= 0 AND unpriced_mwh >= 0", name="not_negative"
    ),
    CheckConstraint("all_bids_mwh >= curtailed_mwh AND record_count >= so_record_count", name="all_bids_cover_so"),
    CheckConstraint("turn_up_mwh >= 0 AND co2_known_mwh BETWEEN 0 AND turn_up_mwh", name="turn_up"),
    comment="A settlement day's curtailment, derived from curtailment_records, and the turn-up estimate for it.",
)

bitcoin_daily_summaries = Table(
    "bitcoin_daily_summaries",
    metadata,
    Column("summary_date", Date, nullable=False, comment=_DATE),
    Column("miner_model", Text, ForeignKey(miner_models.c.miner_model), nullable=False, comment=_MODEL),
    Column("mined_btc", Numeric, nullable=False, comment="Bitcoin that the day's SO-flagged energy could have mined."),
    PrimaryKeyConstraint("summary_date", "miner_model"),
    ForeignKeyConstraint(["summary_date"], [daily_summaries.c.summary_date], ondelete="CASCADE"),
    CheckConstraint("mined_btc >= 0", name="not_negative"),
    comment="A day's Bitcoin per miner model: the sum of historical_bitcoin_calculations.",
)


def _both_bases() -> list[Column[Any]]:
    """Energy and money on both bases; made anew for each table."""
    return [
        *sums.columns_of_parts(),
        sums.net_payment(),
        Column(
            "all_bids_payment_gbp",
            Numeric,
            Computed("all_bids_paid_gbp - all_bids_refunded_gbp", persisted=True),
            nullable=False,
            comment="Net payment to farms for all wind bids, in GBP: paid − refunded.",
        ),
    ]


def _both_bases_hold() -> CheckConstraint:
    return CheckConstraint(
        "paid_gbp >= 0 AND refunded_gbp >= 0 AND all_bids_paid_gbp >= paid_gbp AND all_bids_refunded_gbp >= refunded_gbp"
        " AND all_bids_mwh >= curtailed_mwh AND record_count >= so_record_count",
        name="all_bids_cover_so",
    )


# Analysts' sums per unit and per period: years of records take most of a second to add up, and these some milliseconds.
unit_daily_summaries = Table(
    "unit_daily_summaries",
    metadata,
    Column("settlement_date", Date, nullable=False, comment=_DATE),
    Column("bmu_id", Text, nullable=False, comment="BM unit with an accepted wind bid on the day."),
    Column("lead_party_name", Text, comment="Lead party of the unit, from the register version in force."),
    *_both_bases(),
    Column("period_count", SmallInteger, nullable=False, comment="Settlement periods with an accepted bid, any flag."),
    Column("so_period_count", SmallInteger, nullable=False, comment="Settlement periods with an SO-flagged bid."),
    PrimaryKeyConstraint("settlement_date", "bmu_id"),
    ForeignKeyConstraint(["settlement_date"], [daily_summaries.c.summary_date], ondelete="CASCADE"),
    _both_bases_hold(),
    comment="A day's curtailment per BM unit: the sums of curtailment_records. Units without a bid have no row.",
)

period_summaries = Table(
    "period_summaries",
    metadata,
    Column("settlement_date", Date, nullable=False, comment=_DATE),
    Column("settlement_period", SmallInteger, nullable=False, comment=_PERIOD),
    *_both_bases(),
    Column("bmu_count", SmallInteger, nullable=False, comment="BM units with an accepted wind bid, any flag."),
    Column("so_bmu_count", SmallInteger, nullable=False, comment="BM units with an SO-flagged wind bid."),
    PrimaryKeyConstraint("settlement_date", "settlement_period"),
    ForeignKeyConstraint(["settlement_date"], [daily_summaries.c.summary_date], ondelete="CASCADE"),
    period_range(),
    _both_bases_hold(),
    comment="A period's curtailment: the sums of curtailment_records. Periods without a wind bid have no row.",
)


def _of_a_stored_day() -> ForeignKeyConstraint:
    """Of a day that has sums, by the end of the transaction: these are made after."""
    return ForeignKeyConstraint(
        ["settlement_date"],
        [daily_summaries.c.summary_date],
        ondelete="CASCADE",
        deferrable=True,
        initially="DEFERRED",
    )


emission_factors = Table(
    "emission_factors",
    metadata,
    Column("fuel", Text, nullable=False, comment="Fuel type, as the register of BM units has it."),
    Column("valid_from", Date, nullable=False, comment="First day of which it holds; year 1: of all before, too."),
    Column("g_per_kwh", Numeric, nullable=False, comment="Grams of CO2 per kWh, which are kg per MWh."),
    Column("source", Text, nullable=False, comment="Who publishes it."),
    PrimaryKeyConstraint("fuel", "valid_from"),
    CheckConstraint("g_per_kwh >= 0", name="not_negative"),
    comment="Emission factors of fuels. The list in the code is the master.",
)

turn_up_by_period = Table(
    "turn_up_by_period",
    metadata,
    settlement_date(),
    Column("settlement_period", SmallInteger, nullable=False, comment=_PERIOD),
    Column("target_mwh", Numeric, nullable=False, comment="SO-flagged wind bids of the period, in MWh: above 0."),
    Column(
        "turn_up_mwh",
        Numeric,
        nullable=False,
        comment="What of target_mwh the cheapest accepted offers cover, in MWh: those that are not SO-flagged first.",
    ),
    Column("uncovered_mwh", Numeric, nullable=False, comment="What no offer covers, in MWh: target − turn-up."),
    Column("turn_up_estimate_gbp", Numeric, nullable=False, comment="The price of turn_up_mwh, in GBP: an estimate."),
    Column(
        "unflagged_mwh", Numeric, nullable=False, comment="What of turn_up_mwh is of offers without SO-flag, in MWh."
    ),
    Column(
        "wind_offers_mwh",
        Numeric,
        nullable=False,
        comment="What of turn_up_mwh is of wind units, in MWh: as a rule their own bids taken back.",
    ),
    Column("unpriced_offer_rows", Integer, nullable=False, comment="Offers without a price, which are never taken."),
    Column(
        "flagged_offers_mwh",
        Numeric,
        nullable=False,
        comment="All SO-flagged offers of others than wind units, in MWh: a wider figure by another method.",
    ),
    Column("flagged_offers_gbp", Numeric, nullable=False, comment="The price of flagged_offers_mwh, in GBP."),
    PrimaryKeyConstraint("settlement_date", "settlement_period"),
    _of_a_stored_day(),
    period_range(),
    CheckConstraint("target_mwh > 0", name="target"),
    comment="Turn-up estimate of each period with SO-flagged wind bids whose offers are there: what the cheapest accepted "
    "offers would cost that make up for them, by the method of wastedwind.energy.",
)

turn_up_by_fuel_day = Table(
    "turn_up_by_fuel_day",
    metadata,
    settlement_date(),
    Column(
        "fuel",
        Text,
        nullable=False,
        comment="Fuel type of the unit in the register in force; trade (numbered actions outside the Balancing Mechanism) "
        "or unknown.",
    ),
    Column("turn_up_mwh", Numeric, nullable=False, comment="Turn-up estimate from the fuel, in MWh."),
    Column("turn_up_estimate_gbp", Numeric, nullable=False, comment="Its price, in GBP: an estimate."),
    Column("co2_t", Numeric, comment="Its CO2 in tonnes by emission_factors; NULL where there is no factor."),
    PrimaryKeyConstraint("settlement_date", "fuel"),
    _of_a_stored_day(),
    comment="A day's turn-up estimate by fuel: the sums of the same walk as in turn_up_by_period.",
)

wind_farm_exceptions = Table(
    "wind_farm_exceptions",
    metadata,
    Column("matches", Text, nullable=False, comment="What is looked up: bmu_id (a unit) or stem (of a register name)."),
    Column("key", Text, nullable=False, comment="The BM unit's id, or the stem as minerecon.wind_farm_stem makes it."),
    Column("farm_name", Text, nullable=False, comment="Name of the wind farm."),
    Column("reason", Text, nullable=False, comment="Why the stem of the register's name is not its name."),
    PrimaryKeyConstraint("matches", "key"),
    CheckConstraint("matches IN ('bmu_id', 'stem')", name="matches"),
    comment="Wind farms whose register names do not say so. The list in the code, wind_farms.toml, is the master.",
)

wind_sites = Table(
    "wind_sites",
    metadata,
    Column("bmu_id", Text, primary_key=True, comment="BM unit."),
    Column("technology", Text, nullable=False, comment="onshore or offshore."),
    Column("latitude", Numeric, comment="Latitude in degrees (WGS 84); NULL where it is not known."),
    Column("longitude", Numeric, comment="Longitude in degrees (WGS 84); NULL where it is not known."),
    Column(
        "connection_latitude", Numeric, comment="Latitude of where an offshore farm comes to land; NULL: not known."
    ),
    Column("connection_longitude", Numeric, comment="Longitude of the same; NULL where it is not known."),
    Column("source", Text, nullable=False, comment="Whose facts these are."),
    Column("licence", Text, nullable=False, comment="The licence of these facts."),
    CheckConstraint("technology IN ('onshore', 'offshore')", name="technology"),
    comment="Where wind units are, of which a reviewed source says it. The list in the code, wind_sites.toml, is the master.",
)

published_figures = Table(
    "published_figures",
    metadata,
    Column("figure_id", Text, primary_key=True, comment="Name of the figure, as in 2026-06/all_bids/curtailed_mwh."),
    Column("period_label", Text, nullable=False, comment="Day, month or year that it is of, as in 2025-03."),
    Column("first_day", Date, nullable=False, comment="First settlement date that it is of."),
    Column("last_day", Date, nullable=False, comment="Last settlement date that it is of."),
    Column("basis", Text, nullable=False, comment="so_flagged (the headline here) or all_bids."),
    Column(
        "figure",
        Text,
        nullable=False,
        comment="What it is: curtailed_mwh, payment_gbp, mined_btc or turn_up_estimate_gbp.",
    ),
    Column("miner_model", Text, comment="Miner model of a mined_btc; NULL of the others."),
    Column("unit", Text, nullable=False, comment="MWh, GBP or BTC."),
    Column("value", Numeric, nullable=False, comment="The figure as it was published, with its own rounding."),
    Column("difficulty", Numeric, comment="Network difficulty that a mined_btc was published with; NULL if not known."),
    Column("source", Text, nullable=False, comment="Who published it."),
    Column("is_known_wrong", Boolean, nullable=False, comment="Whether it is known to be wrong, as the note says."),
    Column("note", Text, nullable=False, comment="What a comparison must know."),
    CheckConstraint("first_day <= last_day", name="days"),
    CheckConstraint("basis IN ('so_flagged', 'all_bids')", name="basis"),
    CheckConstraint(
        "(figure, unit) IN (('curtailed_mwh', 'MWh'), ('payment_gbp', 'GBP'), ('mined_btc', 'BTC'),"
        " ('turn_up_estimate_gbp', 'GBP'))",
        name="figure",
    ),
    CheckConstraint("(figure = 'mined_btc') = (miner_model IS NOT NULL)", name="miner_model"),
    comment="Totals that others published, to compare with. The list in the code is the master.",
)

unavailable_days = Table(
    "unavailable_days",
    metadata,
    Column("settlement_date", Date, primary_key=True, comment=_DATE),
    Column("reason", Text, nullable=False, comment="Why no figure of the day is to be had."),
    Column("accepted_by", Text, nullable=False, comment="Who has closed the day."),
    Column(
        "archive_uri",
        Text,
        comment="The archive object that the day was built from before it was closed; NULL where it was not stored.",
    ),
    Column("closed_at", Instant, nullable=False, comment="When it was closed here."),
    comment="Days that a person has closed: they have no row in any other table of figures. The reviewed file waivers.toml is the master.",
)

bm_units = Table(
    "bm_units",
    metadata,
    Column("bmu_id", Text, nullable=False, comment="Elexon's id of the BM unit, as in T_SGRWO-1."),
    Column(
        "valid_from", Date, nullable=False, comment="First day of this version; the first one covers all days before."
    ),
    Column("valid_to", Date, comment="The day from which this version no longer holds; NULL: in force."),
    Column("national_grid_bmu_id", Text, comment="The system operator's id of the unit."),
    Column("name", Text, comment="Name in the register."),
    Column("lead_party_name", Text, comment="The party responsible for the unit."),
    Column("fuel_type", Text, comment="Fuel; WIND is what counts here. NULL for most units."),
    Column("bmu_type", Text, comment="Elexon's type of BM unit: T, E, S, V, …"),
    Column("generation_capacity_mw", Numeric, comment="Registered generation capacity in MW."),
    Column("gsp_group_id", Text, comment="Zone: the GSP group, _A to _P; NULL where the register does not say it."),
    Column(
        "zone_basis",
        Text,
        comment="How the zone is known: gsp_group (the register has it) or loss_factor (all located units with the same "
        "transmission loss factor are there); NULL where it is not known.",
    ),
    Column(
        "above_b6",
        Boolean,
        Computed("gsp_group_id IN ('_N', '_P')", persisted=True),
        comment="Whether it is north of boundary B6, between Scotland and England: in zone _N or _P.",
    ),
    Column(
        "above_b4",
        Boolean,
        Computed("gsp_group_id = '_P'", persisted=True),
        comment="Whether it is in the GSP group of North Scotland (_P): about north of boundary B4.",
    ),
    Column("looks_like_wind", Boolean, nullable=False, comment="Whether name or id look like a wind farm's: a hint."),
    Column("is_synthetic", Boolean, nullable=False, comment=_SYNTHETIC),
    PrimaryKeyConstraint("bmu_id", "valid_from"),
    CheckConstraint("valid_to > valid_from", name="valid_range"),
    CheckConstraint(
        "gsp_group_id ~ '^_[A-P]$' AND zone_basis IN ('gsp_group', 'loss_factor')"
        " OR gsp_group_id IS NULL AND zone_basis IS NULL",
        name="zone",
    ),
    comment="Dated versions of Elexon's register of BM units; a settlement day uses the version in force.",
)

register_refusals = Table(
    "register_refusals",
    metadata,
    Column("refusal_id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the refusal."),
    Column("payload_sha256", Text, nullable=False, comment="SHA-256 of the answer: what a person accepts it by."),
    Column("state", Text, nullable=False, comment="waiting, accepted, or superseded: a newer answer was believed."),
    Column("reason", Text, nullable=False, comment="Why it was not believed."),
    Column("unit_count", Integer, nullable=False, comment="Units in the answer."),
    Column("wind_unit_count", Integer, nullable=False, comment="Wind units in the answer."),
    Column("lost_unit_count", Integer, nullable=False, comment="Wind units that it would take away."),
    Column("lost_capacity_mw", Numeric, nullable=False, comment="Their generation capacity in MW."),
    Column("lost_units", JSONB, nullable=False, comment="Those units, and how each is lost."),
    Column("archive_uri", Text, nullable=False, comment="The archive object with the answer."),
    Column("first_seen_at", Instant, nullable=False, comment="When it was refused first."),
    Column("last_seen_at", Instant, nullable=False, comment="When it was refused last."),
    Column("accepted_by", Text, comment="Who has accepted it; NULL where nobody has."),
    Column("accepted_at", Instant, comment="When it was accepted."),
    Column("changes", JSONB, comment="Wind units that accepting it changed: new, gone, no longer wind, lead party."),
    Column("is_synthetic", Boolean, nullable=False, comment=_SYNTHETIC),
    CheckConstraint("state IN ('waiting', 'accepted', 'superseded')", name="state"),
    CheckConstraint("(state = 'accepted') = (accepted_by IS NOT NULL AND accepted_at IS NOT NULL)", name="accepted"),
    Index(None, "payload_sha256", unique=True, postgresql_where="state = 'waiting'"),
    comment="Answers of the register that were refused as unbelievable, and what became of them.",
)

uncounted_units = Table(
    "uncounted_units",
    metadata,
    Column("settlement_date", Date, nullable=False, comment=_DATE),
    Column("bmu_id", Text, nullable=False, comment="BM unit as Elexon's rows have it."),
    Column(
        "reason",
        Text,
        nullable=False,
        comment="unknown (to the register), unmapped (not as WIND), renamed, or spelt otherwise (in blanks or case).",
    ),
    Column("is_wind_like", Boolean, nullable=False, comment="Whether it is likely to be a wind farm."),
    Column("likely_bmu_id", Text, comment="The unit of the register that it probably is."),
    Column("name", Text, comment="Name in the register."),
    Column("lead_party_name", Text, comment="Lead party, from the register or from Elexon's rows."),
    Column("fuel_type", Text, comment="Fuel type in the register."),
    Column("curtailed_mwh", Numeric, nullable=False, comment="SO-flagged energy of its bids, in MWh: in no sum."),
    Column("payment_gbp", Numeric, nullable=False, comment="Net payment for it, in GBP: in no sum."),
    Column("all_bids_mwh", Numeric, nullable=False, comment="Energy of all its bids, any flag, in MWh: in no sum."),
    Column("all_bids_payment_gbp", Numeric, nullable=False, comment="Net payment for it, in GBP: in no sum."),
    Column(
        "seen_in",
        Text,
        nullable=False,
        comment="stack; or where the stack has no bid of it, the control total that has: BOAV (energy), EBOCF (money).",
    ),
    PrimaryKeyConstraint("settlement_date", "bmu_id"),
    ForeignKeyConstraint(["settlement_date"], [daily_summaries.c.summary_date], ondelete="CASCADE"),
    CheckConstraint("reason IN ('unknown', 'unmapped', 'renamed', 'spelt otherwise')", name="reason"),
    CheckConstraint("seen_in IN ('stack', 'BOAV', 'EBOCF')", name="seen_in"),
    comment="Units that were turned down on a stored day, are not counted in it, and may be wind farms.",
)

left_out_units = Table(
    "left_out_units",
    metadata,
    Column("settlement_date", Date, nullable=False, comment=_DATE),
    Column("bmu_ids", ARRAY(Text), nullable=False, comment="BM units as Elexon's rows have them, in their order."),
    Column(
        "all_bids_mwh",
        ARRAY(Numeric),
        nullable=False,
        comment="Of each, the energy of all its bids, any flag, in MWh: in no sum; 0 where EBOCF alone has it.",
    ),
    PrimaryKeyConstraint("settlement_date"),
    ForeignKeyConstraint(["settlement_date"], [daily_summaries.c.summary_date], ondelete="CASCADE"),
    comment="Units that were turned down on a stored day and are no wind farms by the register: kept to find the days "
    "that lack one which it maps as WIND later.",
)

ingestion_progress = Table(
    "ingestion_progress",
    metadata,
    Column("settlement_date", Date, nullable=False, comment=_DATE),
    Column("settlement_period", SmallInteger, nullable=False, comment=_PERIOD),
    Column("stack_side", Text, nullable=False, comment=_SIDE),
    Column("status", Text, nullable=False, comment="rows, empty, unpublished or failed."),
    Column("row_count", Integer, nullable=False, comment="Rows of any unit in the answer."),
    Column("payload_sha256", Text, comment="SHA-256 of the answer; NULL where there was none."),
    Column("fetched_at", Instant, nullable=False, comment="When it was last looked at."),
    Column("archive_uri", Text, comment="The archive object with the answer; NULL where the attempt was not kept."),
    Column("error", Text, comment="What went wrong, and what to do; NULL where nothing did."),
    Column("is_synthetic", Boolean, nullable=False, comment=_SYNTHETIC),
    Column(
        "acceptance_count",
        Integer,
        comment="Rows of any unit's acceptance: without one, row_count proves nothing. NULL: stored before this was known.",
    ),
    PrimaryKeyConstraint("settlement_date", "settlement_period", "stack_side"),
    CheckConstraint("status IN ('rows', 'empty', 'unpublished', 'failed')", name="status"),
    CheckConstraint(
        "acceptance_count IS NULL OR (status = 'rows') = (acceptance_count > 0)", name="acceptances_counted"
    ),
    period_range(),
    side_names(),
    Index("ingestion_progress_empty_idx", "settlement_date", postgresql_where=text("status = 'empty'")),
    comment="The latest attempt to fetch each settlement period, recorded when its day fails too.",
)

unanswered_days = Table(
    "unanswered_days",
    metadata,
    Column("settlement_date", Date, primary_key=True, comment=_DATE),
    Column("reason", Text, nullable=False, comment="What Elexon's answers lack."),
    Column(
        "first_asked_at", Instant, nullable=False, comment="When it was first asked for in vain, the day being over."
    ),
    Column("last_asked_at", Instant, nullable=False, comment="When it was last asked for."),
    Column(
        "asked_count",
        Integer,
        nullable=False,
        comment="On how many days (London) it was asked for: it is asked for again after 1, 2, 4, 8 and 16 days, then "
        "monthly.",
    ),
    CheckConstraint("asked_count > 0 AND first_asked_at <= last_asked_at", name="asked"),
    comment="Days that are over and that nothing but Elexon's silence keeps from being final or known.",
)

later_answers = Table(
    "later_answers",
    metadata,
    Column("dataset", Text, nullable=False, comment="Dataset that comes days after its settlement day."),
    settlement_date(),
    Column("run", Text, nullable=False, comment="Run of Elexon's that published it; empty where there is but one."),
    Column("is_there", Boolean, nullable=False, comment="Whether it came and is in the dataset's table."),
    Column("reason", Text, comment="Why it is not there; NULL where it is."),
    Column("first_asked_at", Instant, nullable=False, comment="When it was first asked for."),
    Column("last_asked_at", Instant, nullable=False, comment="When it was last asked for."),
    Column(
        "asked_count",
        Integer,
        nullable=False,
        comment="On how many days (London) an answer came: while it is not there it is asked for again after 1, 2, 4, 8 "
        "and 16 days, then monthly, and not for ever; 0 where none came yet.",
    ),
    Column("archive_uri", Text, comment="The archive object that holds it; NULL where none does."),
    Column("built_at", Instant, comment="When its rows were last written; NULL where they never were."),
    PrimaryKeyConstraint("dataset", "settlement_date", "run"),
    CheckConstraint("asked_count >= 0 AND first_asked_at <= last_asked_at", name="asked"),
    comment="What was asked for of datasets that come days after their settlement day, and what became of it.",
)


def _is_beside() -> Column[Any]:
    return Column(
        "is_beside",
        Boolean,
        nullable=False,
        server_default="false",
        comment="Whether it is of figures that stand beside the day's: at ERROR they are not shown, and the day warns.",
    )


reconciliation_results = Table(
    "reconciliation_results",
    metadata,
    Column("result_id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the evaluation."),
    Column("settlement_date", Date, nullable=False, comment=_DATE),
    Column("check_family", Text, nullable=False, comment="The Dagster check that the property belongs to."),
    Column("check_name", Text, nullable=False, comment="The property that was looked at."),
    Column("passed", Boolean, nullable=False, comment="Whether it held."),
    Column("severity", Text, nullable=False, comment="ERROR: what follows would be wrong. WARN: a person should look."),
    Column("expected", Text, comment="What should be there."),
    Column("actual", Text, comment="What is there."),
    Column("looked_at", BigInteger, nullable=False, comment="How many things were compared; nothing looked at fails."),
    Column("violation_count", BigInteger, nullable=False, comment="How many violate the property."),
    Column("violations", JSONB, nullable=False, comment="A bounded sample of the violators."),
    Column("repair", Text, nullable=False, comment="The command that repairs it."),
    Column("run_id", Text, comment="The Dagster run that evaluated it."),
    Column("evaluated_at", Instant, nullable=False, comment="When it was evaluated."),
    Column(
        "scope",
        Text,
        nullable=False,
        server_default="day",
        comment="What was looked at: a day; a month or a year, of which settlement_date is the first day; or all "
        "partitions, as they were on settlement_date.",
    ),
    Column("waiver", Text, comment="Why the violators are accepted, and by whom; NULL where they are not."),
    Column("waived_until", Date, comment="The last day on which the waiver holds; after it the result counts again."),
    _is_beside(),
    CheckConstraint("severity IN ('ERROR', 'WARN')", name="severity"),
    CheckConstraint("scope IN ('day', 'month', 'year', 'all')", name="scope"),
    CheckConstraint("(waiver IS NULL) = (waived_until IS NULL)", name="waiver"),
    CheckConstraint("NOT passed OR (looked_at > 0 AND violation_count = 0)", name="pass_has_evidence"),
    Index(None, "settlement_date", "check_family", "check_name", "result_id"),
    comment="Every evaluation of every property of every day, month and year: the reconciliation, on record.",
)

reconciliation_latest = Table(
    "reconciliation_latest",
    metadata,
    Column("scope", Text, nullable=False, comment="day, month, year or all, as in reconciliation_results."),
    Column("settlement_date", Date, nullable=False, comment="The day, or the first day of the month or year."),
    Column("check_family", Text, nullable=False, comment="The Dagster check that the property belongs to."),
    Column("check_name", Text, nullable=False, comment="The property that was looked at."),
    Column("result_id", BigInteger, nullable=False, comment="The evaluation, in reconciliation_results."),
    Column("passed", Boolean, nullable=False, comment="Whether it held."),
    Column("severity", Text, nullable=False, comment="ERROR: what follows would be wrong. WARN: a person should look."),
    Column("waived_until", Date, comment="The last day on which a waiver of it holds; NULL where there is none."),
    Column("evaluated_at", Instant, nullable=False, comment="When it was evaluated."),
    _is_beside(),
    PrimaryKeyConstraint("scope", "settlement_date", "check_family", "check_name"),
    comment="The latest evaluation of each property, kept by a trigger of reconciliation_results: its index, in effect.",
)

calculation_reconciliation = Table(
    "calculation_reconciliation",
    metadata,
    Column("settlement_date", Date, nullable=False, comment=_DATE),
    Column("miner_model", Text, nullable=False, comment=_MODEL),
    Column(
        "expected_count",
        Integer,
        nullable=False,
        comment="Calculations that there should be: SO-flagged (period, unit) pairs.",
    ),
    Column(
        "matched_count",
        Integer,
        nullable=False,
        comment="Those that are there, with the records' energy and the formula's Bitcoin, when last looked at.",
    ),
    Column("evaluated_at", Instant, nullable=False, comment="When it was last looked at."),
    PrimaryKeyConstraint("settlement_date", "miner_model"),
    CheckConstraint("matched_count BETWEEN 0 AND expected_count", name="matched"),
    comment="How many of a day's calculations are right, of how many there should be: the rate of reconciliation.",
)

verifications = Table(
    "verifications",
    metadata,
    Column("verification_id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the look."),
    Column("settlement_date", Date, nullable=False, index=True, comment=_DATE),
    Column("requested_by", Text, nullable=False, comment="Who or what asked: a command, a job or a schedule."),
    Column(
        "action",
        Text,
        nullable=False,
        comment="verify (look), fix (repair what is wrong), force-fix (repair anyway), spot-fix or refetch.",
    ),
    Column(
        "sampling",
        Text,
        comment="full, controls, progressive, random or fixed; NULL where Elexon was not asked to compare.",
    ),
    Column("seed", BigInteger, comment="Seed of the random periods; NULL where none were drawn."),
    Column("periods_looked_at", JSONB, comment="The settlement periods that were compared with Elexon."),
    Column(
        "detection_share",
        Numeric,
        comment="Share of the faults of a single period that looking at so many periods finds: 1 for all of them.",
    ),
    Column("problems", JSONB, nullable=False, comment="What was wrong before: property, expected, actual, count."),
    Column("repair", Text, comment="What was done; NULL where nothing was."),
    Column("problems_left", JSONB, comment="What was wrong after the repair; NULL where nothing was done."),
    Column("before_figures", JSONB, comment="Rows, MWh, GBP and BTC per model before; NULL where nothing was stored."),
    Column("after_figures", JSONB, comment="The same after a repair; NULL where nothing was done."),
    Column("source_figures", JSONB, comment="Rows, MWh and GBP of Elexon's answers now, over the periods looked at."),
    Column(
        "period_differences",
        JSONB,
        nullable=False,
        comment="Settlement periods that differ: stored, Elexon now, after.",
    ),
    Column("unit_differences", JSONB, nullable=False, comment="BM units that differ: stored, Elexon now, after."),
    Column(
        "outcome",
        Text,
        nullable=False,
        comment="right, right in part, wrong, repaired, not repaired, failed or unavailable (closed by a person).",
    ),
    Column("error", Text, comment="Why it could not look, or could not repair; NULL where it could."),
    Column("run_id", Text, comment="The Dagster run."),
    Column("started_at", Instant, nullable=False, comment="When the look began."),
    Column("finished_at", Instant, nullable=False, comment="When it ended."),
    CheckConstraint("action IN ('verify', 'fix', 'force-fix', 'spot-fix', 'refetch')", name="action"),
    CheckConstraint(
        "outcome IN ('right', 'right in part', 'wrong', 'repaired', 'not repaired', 'failed', 'unavailable')",
        name="outcome",
    ),
    CheckConstraint("detection_share BETWEEN 0 AND 1", name="detection_share"),
    comment="Every comparison of a stored day with Elexon, and every repair: what was wrong, what was done, what changed.",
)

day_locks = Table(
    "day_locks",
    metadata,
    Column("settlement_date", Date, primary_key=True, comment=_DATE),
    comment="Held by an open transaction while a day is worked on, so that no two runs meet; always looks empty.",
)

request_turns = Table(
    "request_turns",
    metadata,
    Column("source", Text, primary_key=True, comment="Host of the source that is asked."),
    Column("due_at", Instant, nullable=False, comment="When the next request would be due if all came evenly."),
    Column(
        "held_until_at",
        Instant,
        nullable=False,
        comment="Nobody starts before, because the source has asked for patience.",
    ),
    Column("taken_at", Instant, nullable=False, comment="When turns were last taken."),
    comment="Turns of requests, over all hosts; unlogged: what a crash empties begins without a burst.",
    prefixes=["UNLOGGED"],
)

schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column(
        "min_code_revision",
        Text,
        primary_key=True,
        comment="The oldest revision of the schema whose code may work on this one.",
    ),
    Column(
        "reference_sha256",
        Text,
        nullable=False,
        comment="SHA-256 of the lists of the code that this warehouse was brought up to date with.",
    ),
    comment="One row: which code may work on this warehouse, and whose lists it holds; written by db upgrade.",
)

bitcoin_price_gbp = Table(
    "bitcoin_price_gbp",
    metadata,
    Column(
        "price_date",
        Date,
        primary_key=True,
        comment="Calendar day, UTC: the candle's, and not the settlement day's 24 hours.",
    ),
    Column(
        "price_gbp", Numeric, nullable=False, comment="Price of one Bitcoin at the end of the day (the close), in GBP."
    ),
    Column("source", Text, nullable=False, comment="The URL that the price was read from."),
    Column("fetched_at", Instant, nullable=False, comment="When it was read."),
    Column("is_synthetic", Boolean, nullable=False, comment=_SYNTHETIC),
    CheckConstraint("price_gbp > 0 AND price_gbp < 'Infinity'", name="price_positive"),
    comment="The price of Bitcoin per day; a day without a price has no row, and nothing stands in for it.",
)

restatements = Table(
    "restatements",
    metadata,
    Column("restatement_id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the change."),
    Column("settlement_date", Date, nullable=False, index=True, comment=_DATE),
    Column("detected_at", Instant, nullable=False, comment="When the change at the source was seen."),
    Column("old_state", Text, nullable=False, comment="State of the day before the change."),
    Column("old_curtailed_mwh", Numeric, nullable=False, comment="SO-flagged energy before, in MWh."),
    Column("new_curtailed_mwh", Numeric, nullable=False, comment="SO-flagged energy after, in MWh."),
    Column("old_payment_gbp", Numeric, nullable=False, comment="Net payment for SO-flagged energy before, in GBP."),
    Column("new_payment_gbp", Numeric, nullable=False, comment="Net payment for SO-flagged energy after, in GBP."),
    Column("old_all_bids_mwh", Numeric, nullable=False, comment="Energy of all wind bids before, in MWh."),
    Column("new_all_bids_mwh", Numeric, nullable=False, comment="Energy of all wind bids after, in MWh."),
    Column("old_archive_uri", Text, nullable=False, comment="The archive object that the day was built from before."),
    Column("new_archive_uri", Text, nullable=False, comment="The archive object that it was built from after."),
    Column("run_id", Text, comment="The Dagster run that stored the change."),
    Column(
        "accepted_by",
        Text,
        comment="Who took a change that a final day loses too much by to be believed; NULL where it was believed.",
    ),
    comment="Changes of a stored day that were seen at the source, with the totals before and after.",
)


def _period_sums() -> list[Column[Any]]:
    """The columns of a month's or a year's sums; made anew for each table."""
    return [
        *sums.columns_of_days(),
        sums.net_payment(),
        *sums.wind_output_of_days(),
        sums.curtailed_share(),
        *sums.turn_up_of_days(),
        *_coverage(),
        Column(
            "potential_days",
            SmallInteger,
            nullable=False,
            server_default="0",
            comment="Days among those present of which notified potential (PN) is there: what potential is of.",
        ),
        Column("is_synthetic", Boolean, nullable=False, comment=_SYNTHETIC),
        Column("built_at", Instant, nullable=False, comment="When the sums were last made."),
        Column("summed", JSONB, comment="The sums as they were made, to tell figures that somebody typed in later."),
        Column("summed_days", Text, comment="Fingerprint of the days that were summed, and of when each was built."),
    ]


def _coverage() -> list[Column[Any]]:
    return [
        Column("days_expected", SmallInteger, nullable=False, comment="Calendar days."),
        Column(
            "days_present", SmallInteger, nullable=False, comment="Days that are in the sums; the others are missing."
        ),
        Column("days_final", SmallInteger, nullable=False, comment="Days among them that are final."),
        Column(
            "is_complete",
            Boolean,
            Computed("days_final = days_expected", persisted=True),
            nullable=False,
            comment="Whether every calendar day is there and final.",
        ),
    ]


def _coverage_holds() -> CheckConstraint:
    return CheckConstraint(
        "days_present BETWEEN 1 AND days_expected AND days_final BETWEEN 0 AND days_present", name="coverage"
    )


_MONTH = "Calendar month, as in 2025-03."
_YEAR = "Calendar year."

monthly_summaries = Table(
    "monthly_summaries",
    metadata,
    Column("year_month", Text, primary_key=True, comment=_MONTH),
    *_period_sums(),
    CheckConstraint(r"year_month ~ '^\d{4}-(0[1-9]|1[0-2])$'", name="year_month"),
    _coverage_holds(),
    comment="A month's curtailment: the sums of its days in daily_summaries, and how many of them there are.",
)

yearly_summaries = Table(
    "yearly_summaries",
    metadata,
    Column("year", SmallInteger, primary_key=True, autoincrement=False, comment=_YEAR),
    *_period_sums(),
    _coverage_holds(),
    comment="A year's curtailment: the sums of its days in daily_summaries, and how many of them there are.",
)

bitcoin_monthly_summaries = Table(
    "bitcoin_monthly_summaries",
    metadata,
    Column("year_month", Text, nullable=False, comment=_MONTH),
    Column("miner_model", Text, ForeignKey(miner_models.c.miner_model), nullable=False, comment=_MODEL),
    Column(
        "mined_btc", Numeric, nullable=False, comment="Bitcoin that the month's SO-flagged energy could have mined."
    ),
    *_coverage(),
    Column("built_at", Instant, nullable=False, comment="When the sums were last made."),
    PrimaryKeyConstraint("year_month", "miner_model"),
    _coverage_holds(),
    comment="A month's Bitcoin per miner model: the sums of bitcoin_daily_summaries.",
)

bitcoin_yearly_summaries = Table(
    "bitcoin_yearly_summaries",
    metadata,
    Column("year", SmallInteger, nullable=False, comment=_YEAR),
    Column("miner_model", Text, ForeignKey(miner_models.c.miner_model), nullable=False, comment=_MODEL),
    Column("mined_btc", Numeric, nullable=False, comment="Bitcoin that the year's SO-flagged energy could have mined."),
    *_coverage(),
    Column("built_at", Instant, nullable=False, comment="When the sums were last made."),
    PrimaryKeyConstraint("year", "miner_model"),
    _coverage_holds(),
    comment="A year's Bitcoin per miner model: the sums of bitcoin_daily_summaries.",
)
