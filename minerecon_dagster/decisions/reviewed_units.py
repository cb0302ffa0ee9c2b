"""Units that look like wind farms and are not mapped by Elexon, as far as a person has looked at them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache

from minerecon_dagster.decisions.reader import Decision, files, only, read, refuse_twice

FILE = "reviewed_units.toml"


class ReviewedUnit(Decision, frozen=True):
    """A unit that a person has looked at: it is not counted, and needs no further look.

    Args:
        bmu_id: Elexon's id of the BM unit.
        name: its name in the register.
        what: what it is.
        reason: why it is not counted.
        reviewed_by: who has looked.
        reviewed_on: when.
    """

    kind = "unit"

    bmu_id: str
    name: str
    what: str
    reason: str
    reviewed_by: str
    reviewed_on: dt.date

    @property
    def title(self) -> str:
        """The unit."""
        return self.bmu_id


@cache
def reviewed_units() -> Mapping[str, ReviewedUnit]:
    """The reviewed units, by id.

    Raises:
        ConfigurationError: an entry is wrong, or there twice.
    """
    found: dict[str, ReviewedUnit] = {}
    for path in files(FILE):
        units = only(ReviewedUnit, read(path, ReviewedUnit))
        refuse_twice(path, units)
        found |= {unit.bmu_id: unit for unit in units}
    return found
