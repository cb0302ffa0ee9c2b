"""The Dagster resources: each makes one of the project's clients from the environment, when a run needs it.

The clients' libraries are imported by then, and not with the definitions: urllib3, below boto3 and
requests, opens a socket when it is imported, and together they take half a second.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.launchers.guard import runs_elsewhere
from minerecon_dagster.settings import Settings, require_shared_archive
from minerecon_dagster.warehouse.store import check_reachable
from minerecon_dagster.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from minerecon_dagster.difficulty.source import DifficultyTable
    from minerecon_dagster.elexon.archive import Archive
    from minerecon_dagster.elexon.client import ElexonClient
    from minerecon_dagster.prices.source import PriceSource
    from minerecon_dagster.storage import Store


PLACES = "places"


def _database_url(settings: Settings) -> str:
    if settings.database_url is None:
        raise ConfigurationError("DATABASE_URL is not set: set it, or run this under `minerecon local -- …`")
    return settings.database_url


class PlacesResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The addresses that the code location uses, as fingerprints: `minerecon ui` compares them with what it has set."""

    fingerprints: dict[str, str]


class WarehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The PostgreSQL warehouse of ``DATABASE_URL``."""

    def open(self) -> Warehouse:
        """The warehouse, for a ``with`` block; it has been connected to once.

        Raises:
            ConfigurationError: the variable is not set, or the server cannot be reached.
        """
        warehouse = Warehouse.open(_database_url(Settings.from_environ()))
        check_reachable(warehouse.engine)
        return warehouse


class ElexonResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Elexon's Insights API at ``ELEXON_BASE_URL``, within ``ELEXON_MAX_REQUESTS_PER_MINUTE``."""

    def base_url(self) -> str:
        """The base URL that is asked."""
        return Settings.from_environ().elexon_base_url

    def client(self) -> ElexonClient:
        """A client; close it after use. With a limit it takes its turns in the warehouse, as all hosts do.

        Raises:
            ConfigurationError: ``DATABASE_URL`` is not set.
        """
        from minerecon_dagster.elexon.client import ElexonClient
        from minerecon_dagster.http.rate_limit import RateLimiter
        from minerecon_dagster.warehouse.turns import TurnsInWarehouse

        settings = Settings.from_environ()
        url, limit = settings.elexon_base_url, settings.elexon_max_requests_per_minute
        turns = TurnsInWarehouse(_database_url(settings), url) if limit else None
        return ElexonClient(url, RateLimiter(limit, turns), credentials=url.credentials)


class ArchiveResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The raw archive at ``MINERECON_ARCHIVE_URL``; a folder is refused where runs are launched on other hosts."""

    _runs_elsewhere: bool = PrivateAttr(default=False)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Learn from the run's instance where runs are launched."""
        self._runs_elsewhere = context.instance is not None and runs_elsewhere(context.instance)

    def archive(self) -> Archive:
        """The archive; a folder is made when something is written.

        Raises:
            ConfigurationError: it is a folder, and each host would have its own.
        """
        from minerecon_dagster.elexon.archive import Archive

        return Archive.from_url(self._url())

    def store(self) -> Store:
        """The same place, for what is kept beside the archive: exports and reports.

        Raises:
            ConfigurationError: as `archive`.
        """
        from minerecon_dagster.storage import open_store

        return open_store(self._url())

    def _url(self) -> str:
        url = Settings.from_environ().archive_url
        require_shared_archive(self._runs_elsewhere, url)
        return url


class DifficultyResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The network difficulty in the DynamoDB table ``DYNAMODB_DIFFICULTY_TABLE``."""

    def table(self) -> DifficultyTable:
        """The table.

        Raises:
            ConfigurationError: the variable is not set.
        """
        from minerecon_dagster.difficulty.source import DifficultyTable

        settings = Settings.from_environ()
        if settings.difficulty_table is None:
            raise ConfigurationError(
                "DYNAMODB_DIFFICULTY_TABLE is not set: set it, or run this under `minerecon local -- …`"
            )
        return DifficultyTable(settings.difficulty_table, region=settings.aws_region)


class PriceResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The price of Bitcoin, from ``BITCOIN_PRICE_BASE_URL``.

    To take it from elsewhere, give `build_defs` another resource with these two methods, as ``price``.
    """

    def base_url(self) -> str:
        """The base URL that is asked."""
        return Settings.from_environ().price_base_url

    def source(self) -> PriceSource:
        """The source."""
        from minerecon_dagster.prices.source import CoinbaseCandles

        url = Settings.from_environ().price_base_url
        return CoinbaseCandles(url, credentials=url.credentials)


class ClockResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The time. It has no configuration: whoever launches a run could set it, and a day would be judged by that."""

    def now(self) -> dt.datetime:
        """The present instant, UTC."""
        return dt.datetime.now(dt.UTC)


def build_resources(overrides: Mapping[str, Any]) -> dg.Definitions:
    """All resources by their names, those of ``overrides`` in the place of ours."""
    return dg.Definitions(
        resources={
            "warehouse": WarehouseResource(),
            "elexon": ElexonResource(),
            "archive": ArchiveResource(),
            "difficulty": DifficultyResource(),
            "price": PriceResource(),
            "clock": ClockResource(),
            **overrides,
        }
    )
