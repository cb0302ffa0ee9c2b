"""By what it is known that a stored day would come out the same, and is only looked at."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.day import build
from minerecon_dagster.day.build import DayInputs

URI = "archive/days/2025/2025-03-28/20250402T090000.123456Z.zip"
ONE, OTHER = (
    BmUnit(bmu_id, None, None, party, "WIND", "T", Decimal(50))
    for bmu_id, party in (("T_A-1", "A Ltd"), ("T_B-1", "B Ltd"))
)
INPUTS = DayInputs({"T_A-1": ONE, "T_B-1": OTHER}, Decimal("113757508810853"), "table", ("S9", "M20S"))


def test_the_same_inputs_have_the_same_fingerprint_in_whatever_order_the_register_has_them() -> None:
    again = replace(INPUTS, wind_units=dict(reversed(INPUTS.wind_units.items())))
    assert again.fingerprint(URI) == INPUTS.fingerprint(URI)


@pytest.mark.parametrize(
    "other",
    [
        replace(INPUTS, wind_units={"T_A-1": ONE}),
        replace(INPUTS, wind_units=INPUTS.wind_units | {"T_B-1": replace(OTHER, lead_party_name="C Ltd")}),
        replace(INPUTS, wind_units={"T_A-1": ONE, "T_B-2": replace(OTHER, bmu_id="T_B-2")}),
        replace(INPUTS, difficulty=Decimal("113757508810854")),
        replace(INPUTS, models=("S9",)),
    ],
    ids=["a farm less", "another lead party", "another id", "another difficulty", "a model less"],
)
def test_whatever_else_a_day_is_built_from_it_has_another(other: DayInputs) -> None:
    assert other.fingerprint(URI) != INPUTS.fingerprint(URI)


def test_of_other_answers_and_with_another_way_to_build_it_is_another_too(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {INPUTS.fingerprint(URI), INPUTS.fingerprint(URI.replace("02T09", "09T07"))}
    for name, value in (
        ("BUILD_VERSION", build.BUILD_VERSION + 1),
        ("FORMULA_VERSION", build.FORMULA_VERSION + 1),
        ("EMISSION_FACTORS", [replace(build.EMISSION_FACTORS[0], g_per_kwh=Decimal(1)), *build.EMISSION_FACTORS[1:]]),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(build, name, value)
            found.add(INPUTS.fingerprint(URI))
    assert len(found) == 5
