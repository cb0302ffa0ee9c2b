"""Dagster's own instance, from the environment when it is loaded; ``dagster.yaml`` names these classes.

Plain ``env:`` entries in ``dagster.yaml`` have no defaults, so that even a command that needs no
storage, as ``dagster definitions validate``, would fail in an empty environment.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from dagster import AssetKey, DagsterEventType, DagsterInstance, EventLogEntry, EventLogRecord
from dagster._config import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage

from minerecon_dagster import places
from minerecon_dagster.settings import Settings

_STORED_TOGETHER = (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_CHECK_EVALUATION)


class EventLog(PostgresEventLogStorage):
    """Dagster's event log in PostgreSQL, which can store events of a run together.

    Dagster writes an event in three transactions, and together only materializations of one asset
    (`store_event_batch` brings one asset's key up to date). Here several are inserted by one statement, and
    what Dagster keeps of them beside is written by Dagster's own methods, in one transaction. It rests on
    private methods of the pinned version: `minerecon_dagster_tests/defs/test_event_log.py` holds it to what that
    stores one by one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._of_thread = threading.local()

    @contextmanager
    def together(self) -> Iterator[Mapping[AssetKey, EventLogRecord]]:
        """Hold back what this thread stores in the ``with`` block of assets and checks, and store it at its end.

        What was held back when the block fails is stored too.

        Yields:
            The materialization of each asset as it is stored; filled when the block ends.
        """
        held: list[EventLogEntry] = []
        stored: dict[AssetKey, EventLogRecord] = {}
        self._of_thread.held = held
        try:
            yield stored
        finally:
            self._of_thread.held = None
            if held:
                stored |= self._store_together(held)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, or hold it back."""
        held = getattr(self._of_thread, "held", None)
        if held is not None and event.is_dagster_event and event.dagster_event_type in _STORED_TOGETHER:
            held.append(event)
        else:
            super().store_event(event)

    def index_connection(self) -> AbstractContextManager[sa.Connection]:
        """A connection for what is kept beside the events: the one of those that are stored together, if any are."""
        connection = getattr(self._of_thread, "connection", None)
        return super().index_connection() if connection is None else nullcontext(connection)

    def _store_together(self, events: Sequence[EventLogEntry]) -> dict[AssetKey, EventLogRecord]:
        # By itself, and at once: who reads events by their numbers must not meet a later one before these.
        inserted = sa.insert(SqlEventLogStorageTable).returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        with self._connect() as connection:
            ids = connection.execute(inserted, [self._event_to_row(event) for event in events]).scalars().all()
        records = [EventLogRecord(number, event) for number, event in zip(ids, events, strict=True)]
        of_assets, of_checks = (
            [r for r in records if r.event_log_entry.dagster_event_type == kind] for kind in _STORED_TOGETHER
        )
        with self.index_transaction() as connection:
            self._of_thread.connection = connection
            try:
                self._store_asset_event_tags(
                    connection, [r.event_log_entry for r in of_assets], [r.storage_id for r in of_assets]
                )
                # In one order, whoever writes: two runs that do so never wait for each other in a ring.
                for record in sorted(of_assets, key=lambda r: r.asset_key or AssetKey("")):
                    self._store_asset_event(connection, record.event_log_entry, record.storage_id)
                for record in of_checks:
                    self.store_asset_check_event(record.event_log_entry, record.storage_id)
            finally:
                self._of_thread.connection = None
        return {r.asset_key: r for r in of_assets if r.asset_key is not None}


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL, with `EventLog`."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = EventLog(postgres_url)


@contextmanager
def storing_together(instance: DagsterInstance) -> Iterator[Mapping[AssetKey, EventLogRecord]]:
    """Store the events of assets and checks that are logged in the ``with`` block at its end, by `EventLog.together`.

    On another storage, as tests have, they are stored one by one, and nothing is said of them.
    """
    log = instance.event_log_storage
    if isinstance(log, EventLog):
        with log.together() as stored:
            yield stored
    else:
        yield {}


class Storage(DagsterStorage, ConfigurableClass):
    """Runs, events and schedules in the PostgreSQL of ``DAGSTER_POSTGRES_URL``."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """It takes no configuration: everything comes from the environment."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]  # it stands for one of Dagster's own storages
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ARG003
    ) -> DagsterStorage:
        """The storage, if the process uses the addresses that were set: each of Dagster's processes comes by here.

        Without ``DAGSTER_HOME`` Dagster itself works on a temporary instance, thrown away when the
        command ends (as for ``dagster definitions validate``): then, and only then, it needs no server.

        Raises:
            MisplacedError: ``DAGSTER_POSTGRES_URL`` is not set on an instance that is kept, or an address is not
                what was set for the process.
            ConfigurationError: a setting is wrong.
        """
        places.check(os.environ, Path.cwd())
        url = Settings.from_environ().dagster_postgres_url
        if url is not None:
            return PostgresStorage(url, inst_data=inst_data)
        if os.environ.get("DAGSTER_HOME"):
            raise places.MisplacedError(
                "DAGSTER_POSTGRES_URL is not set: set it, or run this under `minerecon local -- …`"
            )
        return DagsterSqliteStorage.from_local(_scratch(), inst_data=inst_data)


class Artifacts(LocalArtifactStorage):
    """Files of runs, under ``MINERECON_HOME``."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """It takes no configuration: everything comes from the environment."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:  # noqa: ARG003
        """The storage; its folder is made when something is written."""
        return cls(str(Settings.from_environ().home / "dagster"), inst_data)


class ComputeLogs(LocalComputeLogManager):
    """What runs print, under ``MINERECON_HOME``."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """It takes no configuration: everything comes from the environment."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:  # noqa: ARG003
        """The log manager; its folder is made when something is written."""
        return cls(str(Settings.from_environ().home / "dagster" / "logs"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Keep what a step prints; under `streams_left_alone`, leave it where it goes."""
        if _left_alone.get():
            yield CapturedLogContext(log_key)
        else:
            with super().capture_logs(log_key) as context:
                yield context


_left_alone: ContextVar[bool] = ContextVar("left_alone", default=False)


@contextmanager
def streams_left_alone() -> Iterator[None]:
    """Let runs of this process print where they are, instead of into a file that other processes read out again.

    On a command line such a file makes a terminal none: a bar is drawn at the end, and the processes that read it out
    are ended by the same Ctrl-C, each with a traceback. What the project's code logs is with the run's events anyway.
    """
    token = _left_alone.set(True)
    try:
        yield
    finally:
        _left_alone.reset(token)


def hold_connections(instance: DagsterInstance) -> None:
    """Let this process keep its connections to Dagster's storage between events.

    Dagster opens a new one, or three, for each event that a run logs: 8 ms each, more than the event
    itself. The webserver may hold them by this very call, and a run that logs hundreds of events gains
    as much.
    """
    instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=20)


def _scratch() -> str:
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="minerecon-dagster-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
