"""The values of the readings: nobody writes into one that others hold."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import Any

import pytest
from msgspec import Struct

from minerecon_dagster.elexon import datasets

NAMES = ["minerecon_dagster.elexon.reading"]
NAMES += [f"{datasets.__name__}.{m.name}" for m in pkgutil.iter_modules(datasets.__path__)]
VALUES = [
    value
    for module in map(importlib.import_module, NAMES)
    for value in vars(module).values()
    if dataclasses.is_dataclass(value) and isinstance(value, type) and value.__module__ == module.__name__
]
KEEP_WHAT_THEY_WORKED_OUT = {
    "Came", "DayReading", "Look", "Potential", "Run", "Said", "SaidBySide", "StackSaid", "WindSaid", "_OfPeriod",
}  # fmt: skip
"""Values that take more attributes than their fields."""
ADD_UP = {"_OfPeriod"}
"""What whoever reads adds to, row by row."""


@pytest.mark.parametrize("value", [v for v in VALUES if v.__name__ not in ADD_UP], ids=lambda v: v.__name__)
def test_a_value_does_not_change(value: type) -> None:
    made = object.__new__(value)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(value)[0].name, None)


def test_a_value_has_its_fields_and_no_attribute_beside_them() -> None:
    assert {v.__name__ for v in VALUES if hasattr(object.__new__(v), "__dict__")} == KEEP_WHAT_THEY_WORKED_OUT


ROWS: list[Any] = [
    value
    for module in map(importlib.import_module, NAMES)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, Struct) and value.__module__ == module.__name__
]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.__name__)
def test_a_row_does_not_change_and_is_no_work_for_the_garbage_collector(row: Any) -> None:
    assert row.__struct_config__.frozen
    assert not row.__struct_config__.gc, "there are thousands of them in a day"
