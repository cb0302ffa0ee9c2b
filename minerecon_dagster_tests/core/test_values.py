"""The values of the pure layer: nobody writes into one that others hold."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil

import pytest

from minerecon_dagster import core

NAMES = [f"{core.__name__}.{m.name}" for m in pkgutil.iter_modules(core.__path__)]
VALUES = [
    value
    for module in map(importlib.import_module, NAMES)
    for value in vars(module).values()
    if dataclasses.is_dataclass(value) and isinstance(value, type) and value.__module__ == module.__name__
]
KEEP_WHAT_THEY_WORKED_OUT = {"Answer", "DayVolumes", "Retargets", "Unfinished", "Verdict"}
"""Values that take more attributes than their fields."""
ADD_UP = {"Volumes"}
"""What whoever reads adds to, row by row."""


@pytest.mark.parametrize("value", [v for v in VALUES if v.__name__ not in ADD_UP], ids=lambda v: v.__name__)
def test_a_value_does_not_change(value: type) -> None:
    made = object.__new__(value)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(value)[0].name, None)


def test_a_value_has_its_fields_and_no_attribute_beside_them() -> None:
    assert {v.__name__ for v in VALUES if hasattr(object.__new__(v), "__dict__")} == KEEP_WHAT_THEY_WORKED_OUT
