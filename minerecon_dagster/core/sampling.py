"""Which settlement periods a look at the source takes, and what share of faults so many would find.

Every kind of sampling is seeded: the same seed, day and periods give the same sample.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Literal, get_args

Sampling = Literal["full", "controls", "progressive", "random", "fixed"]
SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)

FIXED_PERIODS = (1, 12, 24, 36, 48)
"""The periods of ``fixed`` and of the first step of ``progressive`` on a day of 48; see `fixed_periods`."""
RANDOM_PERIODS = 10
"""How many periods ``random`` takes, and ``progressive`` at most after a difference."""


def draws(sampling: Sampling) -> bool:
    """Whether periods are drawn at random, so that a seed matters."""
    return sampling in ("random", "progressive")


def dice(seed: int, day: dt.date) -> random.Random:
    """The random numbers of a day: the same for the same seed, whatever other days are looked at."""
    return random.Random(f"{seed} {day}")  # noqa: S311 - a sample of periods is no secret


def fixed_periods(periods: Sequence[int]) -> list[int]:
    """1, 12, 24, 36 and the last period: 48, or 46 or 50 when the clocks change, or the last one so far.

    Args:
        periods: the periods that can be compared, ascending.
    """
    wanted = {*FIXED_PERIODS[:-1], *periods[-1:]}
    return [period for period in periods if period in wanted]


def first_step(sampling: Sampling, periods: Sequence[int], rng: random.Random) -> list[int]:
    """The periods to look at in any case, ascending; none for ``controls``."""
    match sampling:
        case "full":
            return list(periods)
        case "controls":
            return []
        case "random":
            return _drawn(periods, rng)
        case _:
            return fixed_periods(periods)


def further_step(sampling: Sampling, periods: Sequence[int], seen: Collection[int], rng: random.Random) -> list[int]:
    """The periods to look at once something differs, beside those ``seen``, ascending."""
    rest = [period for period in periods if period not in seen]
    match sampling:
        case "controls":
            return rest
        case "progressive":
            return _drawn(rest, rng)
        case _:
            return []


def detection_share(looked_at: int, periods: int) -> Decimal:
    """The share of the faults of a single period that looking at so many of so many periods finds, 0 to 1."""
    return Decimal(looked_at) / Decimal(periods) if periods else Decimal()


def _drawn(periods: Sequence[int], rng: random.Random) -> list[int]:
    return sorted(rng.sample(periods, min(RANDOM_PERIODS, len(periods))))
