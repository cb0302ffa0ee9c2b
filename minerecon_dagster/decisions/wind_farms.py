"""Wind farms: the reviewed exceptions to the rule that makes a farm's name from its units' names.

The register of BM units has no column for the farm. The rule is the SQL function
``minerecon.wind_farm_stem``, the exceptions stand in ``wind_farms.toml``, and the outcome is the view
``analytics.wind_farms``, which is right for past and future units since it is made when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from minerecon_dagster.decisions.reader import FOLDER, Decision, read, refuse_twice

FILE = FOLDER / "wind_farms.toml"


@dataclass(frozen=True, slots=True)
class FarmException:
    """The farm of one unit (``matches`` is ``bmu_id``), or of all units with a ``stem``."""

    matches: str
    key: str
    farm_name: str
    reason: str


class _OfUnit(Decision, frozen=True):
    kind = "unit"

    bmu_id: str
    farm_name: str
    reason: str

    @property
    def title(self) -> str:
        return self.bmu_id


class _OfStem(Decision, frozen=True):
    kind = "stem"

    stem: str
    farm_name: str
    reason: str

    @property
    def title(self) -> str:
        return self.stem


def farm_exceptions(file: Path = FILE) -> tuple[FarmException, ...]:
    """The exceptions of ``file``: those of units, then those of stems.

    Raises:
        ConfigurationError: the file cannot be read, or an entry is incomplete, unknown or there twice.
    """
    entries = read(file, _OfUnit, _OfStem)
    refuse_twice(file, entries)
    return tuple(
        FarmException("bmu_id" if isinstance(e, _OfUnit) else "stem", e.title, e.farm_name, e.reason)
        for e in entries
        if isinstance(e, _OfUnit | _OfStem)
    )
