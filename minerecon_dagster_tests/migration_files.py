"""Which migration is the newest, found once by a process.

The project asks before each piece of work whether the warehouse is as new as its code, and Alembic then loads every
migration's file: a quarter of the time of many tests, none of which adds a file.
"""

from __future__ import annotations

from functools import cache

from alembic.script import ScriptDirectory

_find_head = ScriptDirectory.get_current_head


@cache
def _head(folder: str) -> str | None:
    return _find_head(ScriptDirectory(folder))


def read_once() -> None:
    """Let all who ask for the newest revision of a folder share the answer."""
    ScriptDirectory.get_current_head = lambda directory: _head(directory.dir)  # type: ignore[method-assign]
