"""What the exports and the reports of months have in common: which a sweep visits, and that none stops the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from minerecon_dagster.core.errors import ConfigurationError, MinereconError, one_line
from minerecon_dagster.core.unfinished import Unfinished
from minerecon_dagster.defs.resources import WarehouseResource
from minerecon_dagster.exports.month import months_with_days

if TYPE_CHECKING:  # only a run loads the archive's clients
    from minerecon_dagster.storage import Store

_log = logging.getLogger(__name__)


def months_to_sweep(warehouse: WarehouseResource, store: Store, folder: str, ending: str) -> list[str]:
    """The months of which a day is stored or closed, and those that have a file: it follows when its days have gone.

    Args:
        warehouse: where the days are.
        store: the archive's place.
        folder: where the files of months are.
        ending: what the name of a month's file has behind the month.
    """
    from minerecon_dagster.storage import months_in

    with warehouse.open() as opened, opened.connection() as connection:
        return sorted({*months_with_days(connection), *months_in(store, folder, ending)})


def month_by_month(months: Sequence[str], make: Callable[[str], None]) -> None:
    """Make something of each month, whatever becomes of the others.

    An error of whatever kind is of its month: a view that was added to the warehouse may hold what a library does not
    take, and each has an error of its own.

    Raises:
        dg.Failure: a month was not done, with what it says; the others are.
        ConfigurationError: none can be.
    """
    not_done: dict[str, str] = {}
    for month in months:
        try:
            make(month)
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - told by its month, and the run is red
            is_foreseen = isinstance(error, MinereconError) or hasattr(error, "orig")
            kind = "" if is_foreseen else f"{type(error).__name__}: "
            not_done[month] = f"{month}: {kind}{one_line(error)}"
            _log.error("not done: %s", not_done[month], exc_info=not is_foreseen)
    if not_done:
        raise dg.Failure(
            f"{len(not_done)} of {len(months)} months not done: {'; '.join(not_done.values())}",
            metadata=Unfinished.of(not_done).to_metadata(),
        )
