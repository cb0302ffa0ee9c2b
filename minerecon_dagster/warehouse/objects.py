"""Functions and views of the warehouse: made from ``sql/objects``, and made anew only where they say something else.

To make a view anew takes a lock that waits for every reader of it, and keeps all others waiting. So where nothing has
changed nothing is touched; and where something has, all is made once in a schema that nobody reads, and of the views in
force only those are replaced that are not the same, with whatever stands on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import errors
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.warehouse import version
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.tables import SCHEMA

VIEWS = "analytics"
_BESIDE = "analytics_beside"
"""Where all is made to be compared; it is gone before the transaction ends."""
_FILES = version.OBJECTS


@dataclass(frozen=True)
class _Object:
    kind: str
    name: str
    what: str
    definition: str
    comment: str | None
    columns: tuple[str, ...]
    column_comments: tuple[str | None, ...]
    stood_on_by: frozenset[str]

    @property
    def says(self) -> tuple[object, ...]:
        """What makes it another one."""
        return self.definition, self.columns


def bring_up_to_date(connection: Connection, files: Path | None = None) -> list[str]:
    """Make the functions and views as the files of a folder say.

    Args:
        connection: in a transaction of the owner's.
        files: a folder of other ones, in the order of their names.

    Returns:
        The views that were made, dropped or made anew.

    Raises:
        ConfigurationError: a view of somebody else's stands on one that has changed.
    """
    texts = version.object_texts(files or _FILES)
    if _stamp_in_force(connection) == _stamp(connection, texts):
        return []
    connection.exec_driver_sql(f"CREATE SCHEMA {_BESIDE}")
    _run(connection, [_beside(written) for written in texts])
    wanted = _emptied(connection)
    # A definition that is made of what the server shows of another is shown a little differently; those in force were.
    connection.exec_driver_sql(f"CREATE SCHEMA {_BESIDE}")
    for one in wanted.values():
        _make(connection, one, _BESIDE)
    changed = _replace_what_differs(connection, wanted, _emptied(connection))
    connection.exec_driver_sql(f"COMMENT ON SCHEMA {VIEWS} IS '{_stamp(connection, texts)}'")
    return changed


def _replace_what_differs(
    connection: Connection, wanted: Mapping[str, _Object], shown: Mapping[str, _Object]
) -> list[str]:
    """Make ``wanted``, of which those in force that are already so are ``shown`` so."""
    held = _in_force(connection, VIEWS)
    views = {name for name, one in held.items() if one.kind == "view"}
    gone = {name for name in views if name not in shown or held[name].says != shown[name].says}
    gone |= _standing_on(gone, held)
    functions = {one.name for one in wanted.values() if one.kind == "function"}
    # To drop a function waits for nobody; the rows of one may be those of a view.
    for one in held.values():
        if one.kind == "function" and one.name in functions:
            connection.exec_driver_sql(f"DROP {one.what.replace(' ', f' {VIEWS}.', 1)}")
    _drop(connection, [held[name] for name in sorted(gone)])
    made = []
    for name, one in wanted.items():
        is_new = name not in views or name in gone
        if one.kind == "function" or is_new:
            _make(connection, one, VIEWS)
        if one.kind == "view" and is_new:
            made.append(one.name)
        _comment(connection, one, None if one.kind == "function" or is_new else held[name])
    return sorted({*made, *(held[name].name for name in gone)})


def _make(connection: Connection, one: _Object, schema: str) -> None:
    """Make a view or function that is not there; it comes after those that it stands on."""
    written = one.definition
    if one.kind == "view":
        columns = ", ".join(f'"{column}"' for column in one.columns)
        written = f"CREATE {one.what.replace(' ', ' {schema}.', 1)} ({columns}) AS {written}"
    _execute(connection, written, schema)


def _emptied(connection: Connection) -> dict[str, _Object]:
    """What the schema beside has; it is gone then."""
    found = _in_force(connection, _BESIDE)
    connection.exec_driver_sql(f"DROP SCHEMA {_BESIDE} CASCADE")
    return found


def _beside(written: str) -> str:
    """A text that makes all in the other schema; what a comment says of it then is made good in `_in_force`."""
    return written.replace(f"{VIEWS}.", f"{_BESIDE}.").replace(f"'{VIEWS}'", f"'{_BESIDE}'")


def _standing_on(changed: Iterable[str], held: Mapping[str, _Object]) -> set[str]:
    """The views that stand on changed ones, at whatever distance."""
    found: set[str] = set()
    todo = list(changed)
    while todo:
        for name in held[todo.pop()].stood_on_by:
            key = f"VIEW {name}"
            if key in held and key not in found:
                found.add(key)
                todo.append(key)
    return found


def _drop(connection: Connection, views: Sequence[_Object]) -> None:
    if not views:
        return
    names = ", ".join(one.what.replace("VIEW ", f"{VIEWS}.", 1) for one in views)
    try:
        connection.exec_driver_sql(f"DROP VIEW {names}")
    except DBAPIError as error:
        if not isinstance(error.orig, errors.DependentObjectsStillExist):
            raise
        others = ", ".join(str(error.orig.diag.message_detail).splitlines())
        raise ConfigurationError(
            f"the warehouse could not be migrated, nothing was changed: the views of schema {VIEWS} that have changed "
            f"are made anew, and {others} (drop it first, and make it again afterwards)"
        ) from error


def _comment(connection: Connection, one: _Object, held: _Object | None) -> None:
    """Give an object the comments that it lacks; that waits for no reader."""
    target = one.what.replace(" ", " {schema}.", 1)
    if held is None or held.comment != one.comment:
        _execute(connection, f"COMMENT ON {target} IS {_literal(one.comment)}")
    place = target.removeprefix("VIEW ")
    before = (None,) * len(one.columns) if held is None else held.column_comments
    for column, said, was in zip(one.columns, one.column_comments, before, strict=True):
        if said != was:
            _execute(connection, f'COMMENT ON COLUMN {place}."{column}" IS {_literal(said)}')


def _literal(said: str | None) -> str:
    return "NULL" if said is None else "'" + said.replace("'", "''") + "'"


def _execute(connection: Connection, written: str, schema: str = VIEWS) -> None:
    connection.exec_driver_sql(written.replace("{schema}.", f"{schema}.").replace("%", "%%"))


def _run(connection: Connection, texts: Iterable[str]) -> None:
    for written in texts:
        connection.exec_driver_sql(written.replace("%", "%%"))


def _in_force(connection: Connection, schema: str) -> dict[str, _Object]:
    """By what they are, as in ``VIEW settlement_days``; each after those that it stands on."""
    found = connection.execute(statement("migrate/in_force"), {"schema": schema})
    return {
        row.what: _Object(
            row.kind,
            row.name,
            row.what,
            row.definition,
            row.comment,
            tuple(row.columns),
            tuple(row.column_comments),
            frozenset(row.stood_on_by),
        )
        for row in found
    }


def are_current(connection: Connection) -> bool:
    """Whether the views were made from the code's own texts, as the comment of their schema says."""
    return version.are_our_views(_stamp_in_force(connection), _FILES)


def are_there(connection: Connection) -> bool:
    """Whether the views are there, of whatever version."""
    return version.has_views(_stamp_in_force(connection))


def _stamp(connection: Connection, texts: Sequence[str]) -> str:
    """The texts, and all that the server has by now, in short."""
    digest = hashlib.sha256()
    for schema in (VIEWS, SCHEMA):
        for one in sorted(_in_force(connection, schema).values(), key=lambda one: one.what):
            digest.update(repr((one.what, one.says, one.comment, one.column_comments)).encode())
    return version.stamp(texts, digest.hexdigest())


def _stamp_in_force(connection: Connection) -> str | None:
    said: str | None = connection.execute(
        text("SELECT obj_description(to_regnamespace(:schema), 'pg_namespace')"), {"schema": VIEWS}
    ).scalar()
    return said
