"""Dagster's own instance, from the environment when it is loaded; ``dagster.yaml`` names these classes.

Plain ``env:`` entries in ``dagster.yaml`` have no defaults, so that even a command that needs no
storage, as ``dagster definitions validate``, would fail in an empty environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

from dagster import DagsterInstance
from dagster._config import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from minerecon_dagster import places
from minerecon_dagster.settings import Settings


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
            return DagsterPostgresStorage(url, inst_data=inst_data)
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
