"""The warehouse, opened: the one place where connections begin, see one instant, are refused, and end.

Whoever opens it closes it, by leaving the ``with`` block. Engines, isolation levels and the check of the revision are
for this module; locks, limits and roles are of `minerecon_dagster.warehouse.store`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Engine

from minerecon_dagster.warehouse.store import open_warehouse

_ONE_INSTANT = {"isolation_level": "REPEATABLE READ"}
_READ_ONLY = {"postgresql_readonly": True}


@dataclass(frozen=True)
class Warehouse:
    """A warehouse that can be asked and written to.

    With ``require_current`` its methods raise `ConfigurationError`, before anything is read or changed, where it is of
    another revision than the code.

    Args:
        engine: of `open_warehouse`; functions that are given an engine may look at it as a warehouse.
    """

    engine: Engine

    @classmethod
    def open(cls, url: str) -> Self:
        """The warehouse at ``url`` (``postgresql+psycopg2://…``), for a ``with`` block; connects when used."""
        return cls(open_warehouse(url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.dispose()

    def require_current(self) -> None:
        """Refuse another revision than the code's, before anything else is done."""
        with self.connection(require_current=True):
            pass

    @contextmanager
    def connection(self, *, require_current: bool = False) -> Iterator[Connection]:
        """A connection on which each statement sees what is committed by then; what is not committed is rolled back."""
        with self.engine.connect() as connection:
            yield _checked(connection, require_current)

    @contextmanager
    def transaction(self, *, require_current: bool = False, of_one_instant: bool = False) -> Iterator[Connection]:
        """A transaction that may write: committed at the end of the block, or rolled back if it raises.

        Args:
            require_current: refuse another revision than the code's.
            of_one_instant: all that it reads is of when its first query began: REPEATABLE READ.
        """
        with self._begun(_ONE_INSTANT if of_one_instant else {}) as connection:
            yield _checked(connection, require_current)

    @contextmanager
    def snapshot(self, *, require_current: bool = False) -> Iterator[Connection]:
        """A transaction that sees one instant, whatever is written meanwhile, and cannot write."""
        with self._begun(_ONE_INSTANT | _READ_ONLY) as connection:
            yield _checked(connection, require_current)

    @contextmanager
    def _begun(self, options: dict[str, Any]) -> Iterator[Connection]:
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection


def _checked(connection: Connection, is_asked: bool) -> Connection:
    if is_asked:
        from minerecon_dagster.warehouse import migrate  # loads Alembic, which most commands never need

        migrate.require_current(connection)
    return connection
