"""The files of migrations, read once by a process.

The project asks before each piece of work whether the warehouse is as new as its code, and Dagster stamps each storage
that it makes with its newest revision: Alembic then loads every migration's file, a quarter of the time of many tests,
none of which changes one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import alembic.util
from alembic.script import Script, ScriptDirectory

_find_head = ScriptDirectory.get_current_head
_load_file = alembic.util.load_python_file
_load_revisions = ScriptDirectory._load_revisions
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


@cache
def _revisions(folder: str, files: tuple[tuple[str, int], ...]) -> list[Script]:
    return list(_load_revisions(ScriptDirectory(folder)))


def _revisions_of(directory: ScriptDirectory) -> Iterator[Script]:
    folders = directory._version_locations
    if folders != [Path(directory.dir, "versions").absolute()]:
        return _load_revisions(directory)
    files = sorted((f.name, f.stat().st_mtime_ns) for folder in folders for f in os.scandir(folder))
    return iter(_revisions(str(directory.dir), tuple(files)))


def read_once() -> None:
    """Let all who ask for the newest revision of a folder share the answer, and all who load its files the modules."""
    ScriptDirectory.get_current_head = lambda directory: _head(directory.dir)  # type: ignore[method-assign]
    alembic.util.load_python_file = _load
    ScriptDirectory._load_revisions = _revisions_of  # type: ignore[method-assign]
