"""The datasets of a settlement day: the list that fetching, reading, building, comparing and serving a day go through.

Each is a module of its own with all that is to be known of it; `base` says what that is. A dataset is added by a module
here, a line in `DATASETS` and a migration.
"""

from __future__ import annotations

from typing import Any

from minerecon_dagster.core.answers import AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster.elexon.datasets.agws import AGWS
from minerecon_dagster.elexon.datasets.base import Dataset, DayDataset
from minerecon_dagster.elexon.datasets.boav import BOAV
from minerecon_dagster.elexon.datasets.cashflows import CASHFLOWS
from minerecon_dagster.elexon.datasets.control_total import ControlTotal
from minerecon_dagster.elexon.datasets.later import LaterDataset
from minerecon_dagster.elexon.datasets.meters import B1610
from minerecon_dagster.elexon.datasets.pn import PN
from minerecon_dagster.elexon.datasets.stack import STACK

DATASETS: list[Dataset] = [STACK, BOAV, CASHFLOWS, AGWS, PN, B1610]
"""In the order in which they are asked for."""


def of_the_day() -> list[DayDataset[Any]]:
    """Those that come with the day, and that it is built from."""
    return [dataset for dataset in DATASETS if isinstance(dataset, DayDataset)]


def later() -> list[LaterDataset]:
    """Those that come days after, and write their own tables alone."""
    return [dataset for dataset in DATASETS if isinstance(dataset, LaterDataset)]


def dataset_of(key: AnswerKey) -> DayDataset[Any]:
    """The dataset of the day that an answer is of."""
    return next(dataset for dataset in of_the_day() if dataset.name == key.kind)


def control_totals() -> list[ControlTotal[Any]]:
    """Elexon's totals of the whole day, the ones that the day fails without first."""
    return sorted((d for d in DATASETS if isinstance(d, ControlTotal)), key=lambda d: not d.is_required)


def required_control_totals() -> list[ControlTotal[Any]]:
    """Those without which the day fails, unless a person accepts that."""
    return [dataset for dataset in control_totals() if dataset.is_required]


def parse_key(text: str) -> AnswerKey:
    """The inverse of ``str`` of a key. Raises ValueError where ``text`` is no key of a dataset."""
    name, *parts = text.split("/")
    dataset = next((dataset for dataset in DATASETS if dataset.name == name), None)
    if isinstance(dataset, LaterDataset):
        key = dataset.key_named(parts)
        if key is not None:
            return key
    elif isinstance(dataset, DayDataset) and len(parts) == dataset.has_side + dataset.has_period:
        side = next((s for s in STACK_SIDES if s == parts[0]), None) if dataset.has_side else None
        period = parts[-1] if dataset.has_period else "0"
        if (side is not None) == dataset.has_side and period.isdigit():
            return AnswerKey(name, side, int(period))
    raise ValueError(f"not the name of an answer: {text!r}")
