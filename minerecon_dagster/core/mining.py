"""How much Bitcoin a fleet could have mined with an amount of energy: the one formula and its inputs.

The warehouse holds the same formula as the SQL function ``minerecon.mined_btc``; a property test
compares the two. Add a miner model by adding a line to `MINER_MODELS`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

FORMULA_VERSION = 1
"""Stored beside every result; raise it whenever `mined_btc` or an input of it changes meaning."""

JOULES_PER_MWH = 3_600_000_000
HASHES_PER_TH = 1_000_000_000_000
HASHES_PER_DIFFICULTY = 2**32
"""The expected number of hashes to find a block is difficulty × 2^32 (Bitcoin protocol)."""

_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class MinerModel:
    """A mining machine: ``hashrate_ths`` in TH/s, ``power_w`` in watts at the wall."""

    name: str
    hashrate_ths: Decimal
    power_w: Decimal


MINER_MODELS: tuple[MinerModel, ...] = (
    MinerModel("S19J_PRO", Decimal("100"), Decimal("3050")),
    MinerModel("S9", Decimal("13.5"), Decimal("1323")),
    MinerModel("M20S", Decimal("68"), Decimal("3360")),
)


MODEL_RATIO_TOLERANCE = Decimal("1e-9")
"""Relative. Sums of exact rows stay below 1e-15; the earlier system's totals were off by up to 5e-3."""


@dataclass(frozen=True, slots=True)
class SubsidyEra:
    """The block subsidy from block ``first_height``, mined at ``starts_at`` (UTC), on."""

    first_height: int
    starts_at: dt.datetime
    block_subsidy_btc: Decimal


SUBSIDY_ERAS: tuple[SubsidyEra, ...] = (
    SubsidyEra(420_000, dt.datetime(2016, 7, 9, 16, 46, 13, tzinfo=dt.UTC), Decimal("12.5")),
    SubsidyEra(630_000, dt.datetime(2020, 5, 11, 19, 23, 43, tzinfo=dt.UTC), Decimal("6.25")),
    SubsidyEra(840_000, dt.datetime(2024, 4, 20, 0, 9, 27, tzinfo=dt.UTC), Decimal("3.125")),
)
SUBSIDY_KNOWN_BEFORE = dt.datetime(2028, 3, 1, tzinfo=dt.UTC)
"""Block 1,050,000 halves the subsidy again, in about April 2028: from here on the list must be longer."""


def block_subsidy_btc(at: dt.datetime) -> Decimal:
    """The block subsidy in force at ``at`` (an instant with a time zone), in BTC.

    Raises:
        ValueError: before the first era listed, or when the next halving may have happened and
            is not listed.
    """
    if not SUBSIDY_ERAS[0].starts_at <= at < SUBSIDY_KNOWN_BEFORE:
        raise ValueError(f"the block subsidy at {at.isoformat()} is not known: extend SUBSIDY_ERAS in core/mining.py")
    return next(era.block_subsidy_btc for era in reversed(SUBSIDY_ERAS) if era.starts_at <= at)


def mined_btc(curtailed_mwh: Decimal, model: MinerModel, difficulty: Decimal, subsidy_btc: Decimal) -> Decimal:
    """The Bitcoin that ``curtailed_mwh`` would have mined on machines of ``model``.

    An energy-limited fleet: the number of machines is not rounded down. Everything is multiplied
    first and divided once, so that the result is right to 60 significant digits.

    Args:
        curtailed_mwh: energy in MWh.
        model: the machine.
        difficulty: network difficulty in force.
        subsidy_btc: block subsidy in force, in BTC.
    """
    c = _EXACT
    numerator = Decimal(JOULES_PER_MWH * HASHES_PER_TH)
    for factor in (curtailed_mwh, model.hashrate_ths, subsidy_btc):
        numerator = c.multiply(numerator, factor)
    denominator = c.multiply(c.multiply(model.power_w, difficulty), Decimal(HASHES_PER_DIFFICULTY))
    return c.divide(numerator, denominator)


def broken_model_ratios(btc_by_model: Mapping[str, Decimal]) -> list[dict[str, str | None]]:
    """The models whose Bitcoin does not stand to the first model's as their hash rates per watt do.

    On any set of rows all models mine from the same energy at the same difficulty and subsidy, so that the
    ratio of two totals is that of the machines. Totals that break it were made from different rows, or typed in.

    Args:
        btc_by_model: Bitcoin of each model over the same rows, in BTC; a model of `MINER_MODELS` that is not
            there is broken.

    Returns:
        One entry for each model that breaks it: the model, its Bitcoin, and what the first model's implies.
    """
    c, reference = _EXACT, MINER_MODELS[0]
    btc = btc_by_model.get(reference.name)
    if btc is None or not btc.is_finite():
        return [{"miner_model": reference.name, "mined_btc": None if btc is None else str(btc), "expected_btc": None}]
    broken: list[dict[str, str | None]] = []
    for model in MINER_MODELS[1:]:
        found = btc_by_model.get(model.name)
        share = c.divide(
            c.multiply(model.hashrate_ths, reference.power_w), c.multiply(model.power_w, reference.hashrate_ths)
        )
        expected = c.multiply(btc, share)
        if (
            found is None
            or not found.is_finite()
            or abs(c.subtract(found, expected)) > c.multiply(MODEL_RATIO_TOLERANCE, expected)
        ):
            broken.append(
                {
                    "miner_model": model.name,
                    "mined_btc": None if found is None else str(found),
                    "expected_btc": str(expected.normalize(Context(prec=17))),
                }
            )
    return broken
