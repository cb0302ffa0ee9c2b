"""A run tells that it lives: a row of Dagster's own storage, by the clock of its server.

Whatever launched a run, a machine that dies takes its last word with it; and a run that a command works on has no
worker that a launcher could ask for. Dagster's storage has a table of keys and values, in which the row of a run is its
heartbeat. Not in the warehouse: who looks after runs needs to know no other address than Dagster's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.runs.schema import KeyValueStoreTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

EVERY_S = 10.0
"""How often a run tells that it lives."""
SILENT_AFTER_S = 60.0
"""A run that has not told it for so long does not live."""
PROCESS_TAG = ".dagster/minerecon_process"
"""On the runs of command lines, which no launcher has launched: which process works on it. The UI hides tags that begin
so: to whoever reads there it says nothing."""
_PREFIX = "minerecon/heartbeat/"
_FORGOTTEN_AFTER_S = 30 * 86400.0
_beating: set[str] = set()
_log = logging.getLogger(__name__)


def is_of_a_command(run: dg.DagsterRun) -> bool:
    """Whether a command works on a run. One that was executed again from the UI has its parent's tags, and a worker."""
    return PROCESS_TAG in run.tags and run.parent_run_id is None


@contextmanager
def beating(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Let a run of this process tell that it lives, from before the ``with`` block until its end.

    A beat that fails is tried again at its next time: what the run does is worth more than that it is told. Within the
    block of another for the same run nothing more is done. After the block nothing is told, and silence means nothing.
    """
    if run_id in _beating:
        yield
        return
    _beating.add(run_id)
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(EVERY_S):
            _try_to_beat(instance, run_id)

    _try_to_beat(instance, run_id)
    thread = threading.Thread(target=go_on, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        _beating.discard(run_id)
        thread.join(EVERY_S)
        try:
            forget(instance, run_id)
        except SQLAlchemyError as error:
            _log.debug("run %s could not take back that it lives: %s", run_id, error)


def ages_s(instance: dg.DagsterInstance, run_ids: list[str]) -> Mapping[str, float]:
    """How long ago runs have told that they live, in seconds, by the server's clock; without those that never have.

    Raises:
        SQLAlchemyError: the storage does not answer.
    """
    storage = instance.run_storage
    if not isinstance(storage, SqlRunStorage) or not run_ids:
        return {}
    keys = {f"{_PREFIX}{run_id}": run_id for run_id in run_ids}
    columns = KeyValueStoreTable.c
    with storage.connect() as connection:
        query = sa.select(columns.key, columns.value, _now(connection)).where(columns.key.in_(keys))
        return {keys[key]: float(now) - float(value) for key, value, now in connection.execute(query)}


def beat(instance: dg.DagsterInstance, run_id: str) -> None:
    """Tell once that a run lives.

    Raises:
        SQLAlchemyError: the storage does not answer.
    """
    storage = instance.run_storage
    if not isinstance(storage, SqlRunStorage):
        return
    with storage.connect() as connection:
        now = sa.cast(_now(connection), sa.Text)
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        told = insert(KeyValueStoreTable).values(key=f"{_PREFIX}{run_id}", value=now)
        # Without the key that SQLAlchemy would ask for by itself: older storages have none.
        connection.execute(
            told.on_conflict_do_update(index_elements=["key"], set_={"value": now}).returning(KeyValueStoreTable.c.key)
        )


def forget(instance: dg.DagsterInstance, run_id: str) -> None:
    """Take back that a run lives: from now on it does not tell it.

    Raises:
        SQLAlchemyError: the storage does not answer.
    """
    storage = instance.run_storage
    if isinstance(storage, SqlRunStorage):
        with storage.connect() as connection:
            connection.execute(sa.delete(KeyValueStoreTable).where(KeyValueStoreTable.c.key == f"{_PREFIX}{run_id}"))


def forget_old(instance: dg.DagsterInstance) -> None:
    """Delete the heartbeats of runs that ended long ago."""
    storage = instance.run_storage
    if not isinstance(storage, SqlRunStorage):
        return
    columns = KeyValueStoreTable.c
    with storage.connect() as connection:
        is_ours = columns.key.startswith(_PREFIX, autoescape=True)
        is_old = sa.cast(columns.value, sa.Double) < _now(connection) - _FORGOTTEN_AFTER_S
        # In one expression: of other keys' values nothing is known.
        connection.execute(sa.delete(KeyValueStoreTable).where(sa.case((is_ours, is_old), else_=sa.false())))


def _now(connection: sa.Connection) -> sa.ColumnElement[float]:
    """The time of the server, in seconds since 1970; of a storage in a file, this machine's."""
    if connection.dialect.name == "postgresql":
        return sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Double)
    return sa.literal(time.time(), sa.Double)


def _try_to_beat(instance: dg.DagsterInstance, run_id: str) -> None:
    try:
        beat(instance, run_id)
    except SQLAlchemyError as error:
        _log.debug("run %s could not tell that it lives: %s", run_id, error)
