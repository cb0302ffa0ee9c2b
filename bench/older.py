"""Where a version from before the rooms has what the benchmarks use, so that `bench.pairs` can measure it too."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

_BEFORE = {
    "checks.properties": "core.checks",
    "day.worker": "pipeline.work",
    "difficulty.source": "resources.difficulty",
    "elexon.archive": "resources.archive",
    "elexon.client": "resources.elexon",
    "elexon.fetch": "pipeline.fetch",
    "exports.month": "pipeline.exports",
    "http.rate_limit": "resources.rate_limit",
    "standing.inventory": "pipeline.inventory",
    "storage": "resources.archive",
    "sums.rollups": "pipeline.rollups",
}
"""By the name of a module now, its name before; docs/moved.md has all of them."""


def stand_in() -> None:
    """Let the modules of now be imported by their names, whatever the version that is installed; once."""
    if importlib.util.find_spec("minerecon_dagster.storage") is not None:
        return
    for now, before in _BEFORE.items():
        package, _, name = f"minerecon_dagster.{now}".rpartition(".")
        module = importlib.import_module(f"minerecon_dagster.{before}")
        try:
            parent = importlib.import_module(package)
        except ModuleNotFoundError:
            parent = sys.modules[package] = ModuleType(package)
        setattr(parent, name, module)
        sys.modules[f"{package}.{name}"] = module
