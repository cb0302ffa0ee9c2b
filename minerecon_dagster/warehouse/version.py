"""Which warehouse the code needs, by the code's own files: nothing that asks a database is loaded to find it out.

The tables have a revision. Views and functions have none, for each upgrade makes them as the files say: of them the
comment of their schema says from which texts they were made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

_HERE = Path(__file__).parent
OBJECTS = _HERE / "sql" / "objects"
"""The files of the views and functions, in the order of their names."""
_STAMP = "Views for analysts; made from "


def newest_revision() -> str:
    """The revision of the schema that the code is of: the migrations are numbered."""
    return max(_revisions())


def is_newer(revision: str | None) -> bool:
    """Whether a warehouse's revision (None: it is empty) is of a newer version of the code, which alone upgrades it."""
    return revision is not None and revision not in _revisions()


def may_work_on(revision: str | None, least: str | None) -> bool:
    """Whether this code may work on a warehouse that a newer version of it has migrated, by steps that only add.

    Args:
        revision: the warehouse's.
        least: the revision of the oldest code that it takes, as ``minerecon.schema_compatibility`` has it.
    """
    return is_newer(revision) and least in _revisions()


def has_views(comment: str | None) -> bool:
    """Whether the comment of the views' schema says that some version's views are there."""
    return _made_from(comment) is not None


def _revisions() -> set[str]:
    files = (_HERE / "migrations" / "versions").glob("[0-9]*_*.py")
    return {file.name.partition("_")[0] for file in files}


def object_texts(files: Path = OBJECTS) -> list[str]:
    """What the files of the views and functions say."""
    return [file.read_text("utf-8") for file in sorted(files.glob("*.sql"))]


def stamp(texts: Sequence[str], in_force: str) -> str:
    """The comment of the views' schema.

    Args:
        texts: from which the views were made.
        in_force: tells all that the server then had from anything else, in short.
    """
    return f"{_STAMP}{_short(texts)}, and are {in_force}"


def are_our_views(comment: str | None, files: Path = OBJECTS) -> bool:
    """Whether the comment of the views' schema says that they were made from the code's own texts.

    Somebody may have changed a view by hand since: an upgrade looks at each.
    """
    return _made_from(comment) == _short(object_texts(files))


def _made_from(comment: str | None) -> str | None:
    found = re.match(rf"{re.escape(_STAMP)}([0-9a-f]+), ", comment or "")
    return None if found is None else found[1]


def _short(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
