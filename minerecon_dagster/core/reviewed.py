"""Units that look like wind farms and are not mapped by Elexon, as far as a person has looked at them."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

_FILE = Path(__file__).parents[1] / "reviewed_units.toml"


class ReviewedUnit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A unit that a person has looked at: it is not counted, and needs no further look.

    Args:
        bmu_id: Elexon's id of the BM unit.
        name: its name in the register.
        what: what it is.
        reason: why it is not counted.
        reviewed_by: who has looked.
        reviewed_on: when.
    """

    bmu_id: str
    name: str
    what: str
    reason: str
    reviewed_by: str
    reviewed_on: dt.date


class _File(msgspec.Struct, forbid_unknown_fields=True):
    unit: list[ReviewedUnit]


@cache
def reviewed_units() -> Mapping[str, ReviewedUnit]:
    """The units of ``reviewed_units.toml``, by id."""
    content = msgspec.convert(tomllib.loads(_FILE.read_text("utf-8")), _File)
    return {unit.bmu_id: unit for unit in content.unit}
