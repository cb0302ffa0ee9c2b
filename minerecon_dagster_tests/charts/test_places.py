"""The map: the outline is Great Britain's, dots are where farms are, and what is not known is hollow."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from minerecon_dagster import charts
from minerecon_dagster.charts import NARROW, WIDE, Chart, Spot, Words
from minerecon_dagster.charts.places import outline

WORDS = Words("Where farms lost most", "SO-flagged bids, March 2025", "Where farms lost most.")


def spot(name: str, size: str = "10", share: str | None = "0.2", *at: str) -> Spot:
    longitude, latitude = at or ("-4.0", "57.0")
    return Spot(name, Decimal(longitude), Decimal(latitude), Decimal(size), None if share is None else Decimal(share))


def drawn(*spots: Spot) -> Chart:
    return charts.places("places", spots, WORDS)


def rows(chart: Chart, name: str, width: int = WIDE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chart.specification(width)["datasets"][name]
    return found


def inside(longitude: float, latitude: float) -> bool:
    """Whether a place is on land: how often a line from it to the west crosses an outline, is odd."""
    crossings = 0
    for ring in outline():
        for (x0, y0), (x1, y1) in zip(ring, (*ring[1:], ring[0]), strict=True):
            if (y0 > latitude) != (y1 > latitude) and x0 + (latitude - y0) / (y1 - y0) * (x1 - x0) < longitude:
                crossings += 1
    return crossings % 2 == 1


@pytest.mark.parametrize(
    ("longitude", "latitude", "is_land"),
    [
        (-1.9, 52.5, True),  # Birmingham
        (-4.2, 57.5, True),  # Inverness
        (-3.8, 51.7, True),  # Swansea's hills
        (-6.2, 57.3, True),  # Skye
        (-1.3, 60.3, True),  # Shetland
        (0.5, 55.0, False),  # the North Sea
        (-6.5, 54.6, False),  # Northern Ireland, whose system is another
        (-5.0, 53.8, False),  # the Irish Sea
    ],
)
def test_the_outline_is_great_britains(longitude: float, latitude: float, is_land: bool) -> None:
    assert inside(longitude, latitude) is is_land


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_north_is_up_west_is_left_and_a_degree_is_as_long_both_ways(width: int) -> None:
    chart = drawn(spot("A", "1", "0.1", "-5", "58"), spot("B", "1", "0.1", "-3", "55"))
    made = chart.specification(width)
    a, b = made["datasets"]["spots"]
    assert a["x"] < b["x"]
    assert a["y"] > b["y"]
    ends = {p["name"]: p["value"] for p in made["params"]}
    per_x = made["width"] / (ends["x_high"] - ends["x_low"])
    per_y = made["height"] / (ends["y_high"] - ends["y_low"])
    assert per_x == pytest.approx(per_y)
    assert (b["x"] - a["x"]) / 2 == pytest.approx(0.568, abs=0.002), "a degree of longitude, at 55.4 degrees north"
    land = made["datasets"]["land"]
    assert all(ends["x_low"] < r["x"] < ends["x_high"] and ends["y_low"] < r["y"] < ends["y_high"] for r in land)


def test_a_dot_is_darker_the_larger_the_share_and_hollow_where_none_is_known() -> None:
    shares = ["0.01", "0.05", "0.15", "0.3", "0.5", None]
    fills = [rows(drawn(spot("A", "1", share)), "spots")[0]["fill"] for share in shares]
    assert fills == ["@step-2", "@step-3", "@step-4", "@step-5", "@step-6", "none"]
    assert [key.label for key in drawn(spot("A", "1", None)).keys][-1] == "not known"
    assert "not known" not in [key.label for key in drawn(spot("A")).keys]


def test_a_small_farm_stands_before_a_large_one_and_each_has_its_words() -> None:
    chart = drawn(spot("Small", "0", None), spot("Large", "100"))
    large, small = rows(chart, "spots")
    assert large["size"] > 10 * small["size"] > 0
    tips = [row["tip"].split("\n")[0] for row in rows(chart, "hits")]
    assert tips == ["Large", "Small"]
    assert len(rows(drawn(spot("A", "0")), "spots")) == 1, "nothing turned down is a dot too"


def test_names_are_not_on_one_another() -> None:
    close = [spot(f"Farm {n}", str(9 - n), "0.2", f"{-4 + n / 10}", "57.0") for n in range(5)]
    for width in (WIDE, NARROW):
        named = [row for row in rows(drawn(*close), "words", width) if row["label"].startswith("Farm")]
        assert 1 <= len(named) <= 2, "one at either side of the row of dots"
    apart = [spot(f"Farm {n}", "1", "0.2", "-4", f"{52 + n}") for n in range(7)]
    assert len([row for row in rows(drawn(*apart), "words") if row["label"].startswith("Farm")]) == 5


def test_a_map_without_a_farm_is_a_picture_still() -> None:
    assert rows(drawn(), "spots") == []
    assert len(rows(drawn(), "land")) > 500
