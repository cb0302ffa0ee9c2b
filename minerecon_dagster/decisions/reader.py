"""Files of decisions: TOML, a table for each entry, every entry checked, and one line for whatever is wrong.

A file is read whole or not at all. What is wrong is said as ``FILE: KIND NUMBER (NAME): PROBLEM``.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec

from minerecon_dagster.core.errors import ConfigurationError

FOLDER = Path(__file__).parent
WAIVERS_FILE = FOLDER / "waivers.toml"
"""What is decided of settlement days, unless `MINERECON_WAIVERS` names another file."""
OLD_FOLDER = FOLDER.parent
"""Where `waivers.toml` and `reviewed_units.toml` stood before: a file that is still there is read as well."""

_log = logging.getLogger(__name__)


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of a file. Every text of it has to be one line that says something."""

    kind: ClassVar[str]
    """What a table of such entries is called: ``[[kind]]``."""

    @property
    def title(self) -> str:
        """What tells the entry from the others, as a reader writes it."""
        raise NotImplementedError

    def problem(self) -> str | None:
        """What is wrong with it beyond its types; None where nothing is."""
        return None


Made = TypeVar("Made", bound=Decision)


def files(name: str) -> list[Path]:
    """The files of that name that are read: the folder's own, and the one in the old place, if there is one."""
    old = OLD_FOLDER / name
    if not old.is_file():
        return [FOLDER / name]
    _tell_once(old, FOLDER / name)
    return [FOLDER / name, old]


@cache
def _tell_once(old: Path, new: Path) -> None:
    _log.warning("%s is read too, and has moved: put its entries into %s, and remove it", old, new)


def read(path: Path, *kinds: type[Decision]) -> list[Decision]:
    """The entries of a file, in its order by kind.

    Args:
        path: the file.
        kinds: what its tables may be.

    Raises:
        ConfigurationError: the file cannot be read, or an entry is wrong; names the file and the entry.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(f"{path}: it cannot be read: {problem}") from None
    tables = " or ".join(f"[[{kind.kind}]]" for kind in kinds)
    if unknown := content.keys() - {kind.kind for kind in kinds}:
        raise ConfigurationError(f"{path}: {min(unknown)} is not known here: every entry is a table {tables}")
    if wrong := [name for name, entries in content.items() if not isinstance(entries, list)]:
        raise ConfigurationError(f"{path}: {wrong[0]} must be a table {tables}")
    return [
        _entry(f"{path}: {kind.kind} {number}", kind, entry)
        for kind in kinds
        for number, entry in enumerate(content.get(kind.kind, []), 1)
    ]


def only(kind: type[Made], entries: Sequence[Decision]) -> list[Made]:
    """The entries of one kind."""
    return [entry for entry in entries if isinstance(entry, kind)]


def refuse_twice(path: Path, entries: Sequence[Decision]) -> None:
    """Refuse two entries of one kind and name.

    Raises:
        ConfigurationError: names the file and the entry.
    """
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.kind, entry.title) in seen:
            raise ConfigurationError(f"{path}: {entry.kind} ({entry.title}) has two entries; keep one")
        seen.add((entry.kind, entry.title))


def _entry(where: str, kind: type[Made], entry: Any) -> Made:
    try:
        made = msgspec.convert(entry, kind)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    where += f" ({made.title})"
    for field, value in _texts(made):
        if not value.strip() or not value.isprintable():
            raise ConfigurationError(f"{where}: {field} must be a text of one line")
    if problem := made.problem():
        raise ConfigurationError(f"{where}: {problem}")
    return made


def _texts(made: Decision) -> Iterator[tuple[str, str]]:
    for field in made.__struct_fields__:
        value = getattr(made, field)
        if isinstance(value, str):
            yield field, value
