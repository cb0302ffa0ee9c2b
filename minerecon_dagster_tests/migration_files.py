"""The files of migrations, read once by a process.

The project asks before each piece of work whether the warehouse is as new as its code, and Dagster stamps each storage
that it makes with its newest revision: Alembic then loads every migration's file, a quarter of the time of many tests,
none of which changes one.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from types import ModuleType

import alembic.util
from alembic.script import ScriptDirectory

_find_head = ScriptDirectory.get_current_head
_load_file = alembic.util.load_python_file
_RUNS_WHEN_LOADED = "env.py"


@cache
def _head(folder: str) -> str | None:
    return _find_head(ScriptDirectory(folder))


@cache
def _loaded(folder: str, name: str, changed_at_ns: int) -> ModuleType:
    return _load_file(folder, name)


def _load(folder: str | os.PathLike[str], name: str | os.PathLike[str]) -> ModuleType:
    path = Path(folder, name)
    if path.name == _RUNS_WHEN_LOADED or not path.exists():
        return _load_file(folder, name)
    return _loaded(str(folder), str(name), path.stat().st_mtime_ns)


def read_once() -> None:
    """Let all who ask for the newest revision of a folder share the answer, and all who load its files the modules."""
    ScriptDirectory.get_current_head = lambda directory: _head(directory.dir)  # type: ignore[method-assign]
    alembic.util.load_python_file = _load
