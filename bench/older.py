"""Where a version from before the rooms has what the benchmarks use, so that `bench.pairs` can measure it too."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import minerecon_dagster

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
"""By the name of a module now, its name before; docs/build/moved.md has all of them."""


def stand_in() -> None:
    """Let the modules of now be imported by their names, whatever the version that is measured; once.

    What that version has is looked up in its own folder: an editable install of another one would lend it its modules.
    """
    folder = Path(minerecon_dagster.__file__).parent
    if (folder / "storage.py").exists():
        return
    for now, before in _BEFORE.items():
        package, _, name = f"minerecon_dagster.{now}".rpartition(".")
        parent = sys.modules.get(package)
        if parent is None and (folder / now.rpartition(".")[0] / "__init__.py").exists():
            parent = importlib.import_module(package)
        elif parent is None:
            parent = sys.modules[package] = ModuleType(package)
        if not (folder / f"{now.replace('.', '/')}.py").exists():
            module = importlib.import_module(f"minerecon_dagster.{before}")
            setattr(parent, name, module)
            sys.modules[f"{package}.{name}"] = module
