"""Dagster's own instance, from the environment when it is loaded; ``dagster.yaml`` names these classes.

Plain ``env:`` entries in ``dagster.yaml`` have no defaults, so that even a command that needs no
storage, as ``dagster definitions validate``, would fail in an empty environment.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from itertools import groupby
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import sqlalchemy as sa
from dagster import AssetKey, DagsterEventType, DagsterInstance, EventLogEntry, EventLogRecord
from dagster._config import UserConfigSchema
from dagster._core.errors import DagsterInvariantViolationError
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as _Status
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeLogManager
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._core.storage.event_log.schema import AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData, serialize_value
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from sqlalchemy.dialects import postgresql

from minerecon_dagster import places
from minerecon_dagster.core.addresses import with_client_parameters
from minerecon_dagster.settings import Settings

_HELD = {"statement_timeout": 60_000, "pool_recycle": 3600, "max_overflow": 20}
"""How connections to Dagster's storage are held: milliseconds, seconds, and how many beside one."""
LOGS_EVERY_S = 30
"""How often what a run prints is brought to a bucket."""
_BACKFILLS_WAIT = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
"""Dagster's own: set, a backfill whose assets cannot be loaded now goes on when they can."""
_PLANNED = (DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED)
_OF_ASSETS = (DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_MATERIALIZATION)
_OF_CHECKS = (DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, DagsterEventType.ASSET_CHECK_EVALUATION)
_MADE = (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_CHECK_EVALUATION)


class EventLog(PostgresEventLogStorage):
    """Dagster's event log in PostgreSQL, which can store events of a run together.

    Dagster writes an event in three transactions, and together only materializations of one asset
    (`store_event_batch` brings one asset's key up to date). Here several are inserted by one statement, and
    what Dagster keeps of them beside, by assets and by checks, in one transaction and a statement for each. It rests on
    private methods of the pinned version: `minerecon_dagster_tests/defs/test_event_log.py` holds it to what that
    stores one by one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._of_thread = threading.local()
        self._tables: set[str] = set()

    @contextmanager
    def together(self) -> Iterator[Mapping[AssetKey, EventLogRecord]]:
        """Hold back what this thread stores in the ``with`` block of assets and checks, and store it at its end.

        Lines of the run's log among them are held back too, so that all keeps its order. What was held back when the
        block fails is stored too.

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

    @contextmanager
    def plans_together(self) -> Iterator[None]:
        """Hold back what this thread stores of what a run is to make, and store it before anything else of the run.

        Dagster plans an event for each asset of each partition: of a run over a year 4,000.
        """
        self._of_thread.planned = []
        try:
            yield
        finally:
            planned, self._of_thread.planned = self._of_thread.planned, None
            if planned:  # of a run that did not begin
                self._store_together(planned)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, or hold it back."""
        kind = event.dagster_event_type if event.is_dagster_event else None
        planned, held = getattr(self._of_thread, "planned", None), getattr(self._of_thread, "held", None)
        if planned is not None and kind in _PLANNED:
            planned.append(event)
            return
        self._store_plans()
        if held is not None and (kind is None or kind in _MADE):
            held.append(event)
        else:
            super().store_event(event)

    def has_table(self, table_name: str) -> bool:
        """Whether there is such a table; one that was there stays, and is not looked for at each event."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def index_connection(self) -> AbstractContextManager[sa.Connection]:
        """A connection for what is kept beside the events: the one of those that are stored together, if any are."""
        connection = getattr(self._of_thread, "connection", None)
        return super().index_connection() if connection is None else nullcontext(connection)

    def _store_plans(self) -> None:
        if planned := getattr(self._of_thread, "planned", None):
            self._of_thread.planned = []
            self._store_together(planned)

    def _store_together(self, events: Sequence[EventLogEntry]) -> dict[AssetKey, EventLogRecord]:
        # By itself, and at once: who reads events by their numbers must not meet a later one before these.
        inserted = sa.insert(SqlEventLogStorageTable).returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        with self._connect() as connection:
            ids = connection.execute(inserted, [self._event_to_row(event) for event in events]).scalars().all()
        of_assets, of_checks = (
            [
                EventLogRecord(number, event)
                for number, event in zip(ids, events, strict=True)
                if event.is_dagster_event and event.dagster_event_type in kinds
            ]
            for kinds in (_OF_ASSETS, _OF_CHECKS)
        )
        if of_assets or of_checks:
            with self.index_transaction() as connection:
                self._of_thread.connection = connection
                try:
                    self._store_asset_event_tags(
                        connection, [r.event_log_entry for r in of_assets], [r.storage_id for r in of_assets]
                    )
                    self._store_assets(connection, of_assets)
                    self._store_checks(connection, of_checks)
                finally:
                    self._of_thread.connection = None
        made = (r for r in of_assets if r.event_log_entry.dagster_event_type in _MADE)
        return {r.asset_key: r for r in made if r.asset_key is not None}

    def _store_assets(self, connection: sa.Connection, records: Iterable[EventLogRecord]) -> None:
        """Bring each asset up to date with its last event among ``records``, as `_store_asset_event` does of one."""
        has_times = self.has_secondary_index(ASSET_KEY_INDEX_COLS)
        latest = {r.asset_key: r for r in records if r.asset_key is not None}
        # In one order, whoever writes: two runs that do so never wait for each other in a ring.
        rows = [
            {
                "asset_key": key.to_string(),
                **self._get_asset_entry_values(latest[key].event_log_entry, latest[key].storage_id, has_times),
            }
            for key in sorted(latest)
        ]
        for names, alike in groupby(rows, key=tuple):
            insert = postgresql.insert(AssetKeyTable).values(list(alike))
            changed = {name: insert.excluded[name] for name in names if name != "asset_key"}
            connection.execute(insert.on_conflict_do_update(index_elements=[AssetKeyTable.c.asset_key], set_=changed))

    def _store_checks(self, connection: sa.Connection, records: Sequence[EventLogRecord]) -> None:
        """Put evaluations in the place of what was planned, as `_update_asset_check_evaluation` does of one.

        What was not planned, and plans, are stored by Dagster's own method.
        """
        rows = {
            check: (*check, *self._evaluated(r))
            for r in records
            if r.event_log_entry.run_id and (check := _check_of(r.event_log_entry)) is not None
        }
        replaced: list[tuple[Any, ...]] = []
        if rows:
            columns = zip(*rows.values(), strict=True)
            given = {name: list(values) for name, values in zip(_OF_A_CHECK, columns, strict=True)}
            replaced = [tuple(row) for row in connection.execute(_REPLACE_PLANS, given)]
        if len(replaced) > len(set(replaced)):
            raise DagsterInvariantViolationError(f"one evaluation was planned twice, among {sorted(set(replaced))}")
        for record in records:
            if _check_of(record.event_log_entry) not in replaced:
                self.store_asset_check_event(record.event_log_entry, record.storage_id)

    def _evaluated(self, record: EventLogRecord) -> tuple[Any, ...]:
        """The last five of `_OF_A_CHECK`."""
        event = record.event_log_entry
        evaluation = event.get_dagster_event().asset_check_evaluation_data
        status = _Status.SUCCEEDED if evaluation.passed else _Status.FAILED
        target = evaluation.target_materialization_data
        return (
            status.value,
            serialize_value(event),
            self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            record.storage_id,
            target.storage_id if target is not None else None,
        )


_OF_A_CHECK = (
    "asset_key", "check_name", "run_id", "partition", "execution_status", "evaluation_event",
    "evaluation_event_timestamp", "evaluation_event_storage_id", "materialization_event_storage_id",
)  # fmt: skip
_REPLACE_PLANS = sa.text("""
    UPDATE asset_check_executions AS c
    SET execution_status = e.execution_status, evaluation_event = e.evaluation_event,
        evaluation_event_timestamp = e.evaluation_event_timestamp,
        evaluation_event_storage_id = e.evaluation_event_storage_id,
        materialization_event_storage_id = e.materialization_event_storage_id
    FROM unnest(
        CAST(:asset_key AS text[]), CAST(:check_name AS text[]), CAST(:run_id AS text[]), CAST(:partition AS text[]),
        CAST(:execution_status AS text[]), CAST(:evaluation_event AS text[]),
        CAST(:evaluation_event_timestamp AS timestamp[]), CAST(:evaluation_event_storage_id AS bigint[]),
        CAST(:materialization_event_storage_id AS bigint[])
    ) AS e (
        asset_key, check_name, run_id, partition, execution_status, evaluation_event, evaluation_event_timestamp,
        evaluation_event_storage_id, materialization_event_storage_id
    )
    WHERE c.asset_key = e.asset_key AND c.check_name = e.check_name AND c.run_id = e.run_id
      AND c.partition IS NOT DISTINCT FROM e.partition
    RETURNING c.asset_key, c.check_name, c.run_id, c.partition
""")


def _check_of(event: EventLogEntry) -> tuple[str, str, str, str | None] | None:
    """The first four of `_OF_A_CHECK`; None of a plan, which has many partitions."""
    if event.dagster_event_type not in _MADE:
        return None
    evaluation = event.get_dagster_event().asset_check_evaluation_data
    return evaluation.asset_key.to_string(), evaluation.check_name, event.run_id, evaluation.partition


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL, with `EventLog`."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = EventLog(postgres_url)
        # Of any process: the daemon and the code server ask all the time, too.
        for storage in (self.run_storage, self.event_log_storage, self.schedule_storage):
            storage.optimize_for_webserver(**_HELD)


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


@contextmanager
def planning_together(instance: DagsterInstance) -> Iterator[None]:
    """Store what runs are to make that begin in the ``with`` block together, by `EventLog.plans_together`."""
    log = instance.event_log_storage
    with log.plans_together() if isinstance(log, EventLog) else nullcontext():
        yield


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
        # The daemon's, which comes by here: or a code server that is replaced ends every backfill, and the runs of it.
        os.environ.setdefault(_BACKFILLS_WAIT, "1")
        url = Settings.from_environ().dagster_postgres_url
        if url is not None:
            # Or a failed-over server leaves a run waiting for an answer until it has run for too long.
            return PostgresStorage(with_client_parameters(url), inst_data=inst_data)
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
    """What runs print, under ``MINERECON_HOME``, or in the bucket of ``MINERECON_LOGS_URL``."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """It takes no configuration: everything comes from the environment."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]  # it stands for one of Dagster's own, too
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ARG003
    ) -> ComputeLogManager[Any]:
        """The log manager; a folder is made when something is written."""
        settings = Settings.from_environ()
        if settings.logs_url is None:
            return cls(str(settings.home / "dagster" / "logs"), inst_data=inst_data)
        return _in_bucket(settings.logs_url, inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Keep what a step prints; under `streams_left_alone`, leave it where it goes."""
        if _left_alone.get():
            yield CapturedLogContext(log_key)
        else:
            with super().capture_logs(log_key) as context:
                yield context


def _in_bucket(url: str, inst_data: ConfigurableClassData | None) -> ComputeLogManager[Any]:
    """Logs in S3, brought there every half a minute while a run goes on: a host may die with its folder."""
    from dagster_aws.s3.compute_log_manager import S3ComputeLogManager  # loads boto3, which most need not

    class LogsInBucket(S3ComputeLogManager):
        @contextmanager
        def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
            if _left_alone.get():
                yield CapturedLogContext(log_key)
            else:
                with super().capture_logs(log_key) as context:
                    yield context

    parts = urlsplit(url)
    return LogsInBucket(
        bucket=parts.netloc,
        prefix=parts.path.strip("/") or "logs",
        skip_empty_files=True,
        upload_interval=LOGS_EVERY_S,
        inst_data=inst_data,
    )


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
    if not isinstance(instance.event_log_storage, EventLog):  # which does so by itself
        instance.optimize_for_webserver(**_HELD)


def _scratch() -> str:
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="minerecon-dagster-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
