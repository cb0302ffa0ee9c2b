"""Wind farms: the reviewed exceptions to the rule that makes a farm's name from its units' names.

The register of BM units has no column for the farm. The rule is the SQL function
``minerecon.wind_farm_stem``, the exceptions stand in ``wind_farms.toml``, and the outcome is the view
``analytics.wind_farms``, which is right for past and future units since it is made when it is read.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minerecon_dagster.core.errors import ConfigurationError

FILE = Path(__file__).with_name("wind_farms.toml")
_KINDS = {"unit": "bmu_id", "stem": "stem"}
"""What a table of the file is called, and what its entries are looked up by."""


@dataclass(frozen=True, slots=True)
class FarmException:
    """The farm of one unit (``matches`` is ``bmu_id``), or of all units with a ``stem``."""

    matches: str
    key: str
    farm_name: str
    reason: str


def farm_exceptions(file: Path = FILE) -> tuple[FarmException, ...]:
    """The exceptions of ``file``, in its order.

    Raises:
        ConfigurationError: the file is not TOML, or an entry is incomplete, unknown or there twice.
    """
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file.name}: {error}") from error
    if unknown := content.keys() - _KINDS.keys():
        raise ConfigurationError(f"{file.name}: there is no [[{min(unknown)}]]; use [[unit]] or [[stem]]")
    found = [_exception(file, matches, entry) for kind, matches in _KINDS.items() for entry in content.get(kind, [])]
    keys = [(e.matches, e.key) for e in found]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ConfigurationError(f"{file.name}: {' '.join(twice[0])} has two entries; keep one")
    return tuple(found)


def _exception(file: Path, matches: str, entry: dict[str, Any]) -> FarmException:
    names = {matches, "farm_name", "reason"}
    if entry.keys() != names or not all(isinstance(text, str) and text.strip() for text in entry.values()):
        raise ConfigurationError(
            f"{file.name}: the entry {entry} needs {', '.join(sorted(names))}, each a text, and nothing else"
        )
    return FarmException(matches, entry[matches], entry["farm_name"], entry["reason"])
