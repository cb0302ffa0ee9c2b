"""`minerecon doctor --live`: about ten questions, and each fault of a source in the line that it belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from minerecon_dagster.decisions.published_figures import PublishedFigure, published_figures
from minerecon_dagster.doctor.line import Line, State
from minerecon_dagster.doctor.source import NEAR_ENOUGH, PERIOD, Known, known_day, source_lines
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.elexon.datasets import DATASETS
from minerecon_dagster.http.rate_limit import RateLimiter
from minerecon_dagster.sample.server import serve_sample
from minerecon_dagster_tests.fake_elexon import HTML, NO_ROWS, NOT_FOUND, FakeElexon, Fault, boav_path, fake_elexon
from minerecon_dagster_tests.fake_elexon import stack_path as path_of_stack
from minerecon_dagster_tests.made_up_dataset import Metered
from minerecon_dagster_tests.project import DAY

REGISTER = "/reference/bmunits/all"
NOWHERE = "/balancing/no-such-dataset"
PROBLEM = Fault(200, b'{"title": "an error within a success"}')


@pytest.fixture
def source() -> Iterator[FakeElexon]:
    with fake_elexon(DAY) as server:
        yield server


@pytest.fixture
def made_up() -> Iterator[Metered]:
    """A dataset more, for a test."""
    dataset = Metered()
    DATASETS.append(dataset)
    yield dataset
    DATASETS.remove(dataset)


def figure_of(mwh: Decimal) -> PublishedFigure:
    one = next(f for f in published_figures() if f.figure == "curtailed_mwh" and f.basis == "all_bids")
    changed = {"period": DAY.isoformat(), "value": mwh}
    return type(one)(**{name: changed.get(name, getattr(one, name)) for name in one.__struct_fields__})


def truth(source: FakeElexon) -> Decimal:
    return sum((totals.mwh for totals in source.world.expected_totals(DAY).values()), Decimal())


def lines_of(base_url: str, figure: PublishedFigure | None = None) -> dict[str, Line]:
    limiter = RateLimiter(0, Path())
    with ElexonClient(base_url, limiter, max_attempts=1, backoff_base_s=0.0, connect_timeout_s=1.0) as client:
        return {line.name: line for line in source_lines(client, Known(DAY, figure))}


def test_the_bundled_sample_is_all_well_with_ten_questions(source: FakeElexon) -> None:
    with serve_sample() as base_url:
        assert known_day(base_url).day == DAY
        lines = lines_of(base_url)
    assert {line.state for line in lines.values()} == {State.OK}, lines
    assert list(lines) == [
        "source", "BMUNITS", "ISPSTACK", "BOAV", "EBOCF", "AGWS", "PN", "B1610", "units", "published", "absence",
    ]  # fmt: skip
    assert lines_of(source.base_url).keys() == lines.keys()
    assert 8 <= sum(source.requests.values()) <= 12


def test_the_known_day_is_the_newest_that_is_published_of_all_bids() -> None:
    known = known_day("https://data.elexon.co.uk/bmrs/api/v1")
    assert known.figure is not None
    assert (known.figure.basis, known.figure.figure) == ("all_bids", "curtailed_mwh")
    assert known.figure.days == (known.day, known.day)


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("path", "fault", "line", "words"),
    [
        (REGISTER, NOT_FOUND, "BMUNITS", "HTTP 404"),
        (REGISTER, Fault(200, b"[]"), "BMUNITS", "none of them is wind"),
        (REGISTER, Fault(200, b'[{"elexonBmUnit": 7}]'), "BMUNITS", "elexonBmUnit"),
        (path_of_stack("bid", DAY, PERIOD), NOT_FOUND, "ISPSTACK", "HTTP 404"),
        (path_of_stack("bid", DAY, PERIOD), Fault(500), "ISPSTACK", "HTTP 500"),
        (path_of_stack("bid", DAY, PERIOD), PROBLEM, "ISPSTACK", "tells of an error"),
        (path_of_stack("bid", DAY, PERIOD), Fault(403), "ISPSTACK", "HTTP 403"),
        (path_of_stack("bid", DAY, PERIOD), HTML, "ISPSTACK", "not JSON"),
        (boav_path("bid", DAY), Fault(200, b'{"data": [{"bmUnit": 1}]}'), "BOAV", "BOAV"),
        ("agws", NO_ROWS, "AGWS", "no row at all"),
        (NOWHERE, NO_ROWS, "absence", "HTTP 200 for what is not there"),
    ],
)
def test_a_fault_of_the_source_is_in_its_own_line_and_hides_no_other(
    source: FakeElexon, path: str, fault: Fault, line: str, words: str
) -> None:
    source.faults = lambda asked: fault if asked == path or (path == "agws" and "wind-and-solar" in asked) else None
    lines = lines_of(source.base_url)
    assert lines[line].state is State.WRONG, lines
    said = f"{lines[line].name} {lines[line].says} {lines[line].remedy}"
    assert words in said, said
    assert lines[line].remedy
    assert lines["source"].state is State.OK
    well = {name for name, of in lines.items() if of.state is State.OK}
    assert {"EBOCF", "source"} <= well


def test_a_source_that_is_down_is_one_line_and_the_others_are_not_looked_at(source: FakeElexon) -> None:
    source.faults = lambda path: Fault(drop=True)
    first, *others = lines_of(source.base_url).values()
    assert (first.name, first.state) == ("source", State.WRONG)
    assert {line.state for line in others} == {State.UNSEEN}


def test_a_known_day_is_compared_with_what_is_published_to_a_hundredth(source: FakeElexon) -> None:
    mwh = truth(source)
    near = lines_of(source.real_base_url, figure_of(mwh))["published"]
    assert near.state is State.OK
    assert "+0.00% beside the" in near.says
    for factor in (1 + 2 * NEAR_ENOUGH, 1 - 2 * NEAR_ENOUGH):
        far = lines_of(source.real_base_url, figure_of(mwh * factor))["published"]
        assert far.state is State.WRONG, far
        assert "do not load history yet" in far.remedy


def test_a_unit_of_the_stack_that_the_volumes_lack_is_named(source: FakeElexon) -> None:
    rows = source.world.stack(DAY, "bid", PERIOD)
    unit = next(row["id"] for row in rows if row["acceptanceId"] is not None and row["id"])
    volumes = source.world.volumes(DAY, "bid")
    kept = [row for row in volumes if row["bmUnit"] != unit]
    body = json.dumps({"data": kept, "metadata": {"datasets": ["BOAV"]}}).encode()
    source.faults = lambda path: Fault(200, body) if path == boav_path("bid", DAY) else None
    line = lines_of(source.base_url)["units"]
    assert line.state is State.WRONG
    assert f"{unit} is not" in line.says


@pytest.mark.parametrize("answer", [NO_ROWS, NOT_FOUND])
def test_of_a_period_that_the_day_has_not_404_and_an_empty_answer_are_well(source: FakeElexon, answer: Fault) -> None:
    source.faults = lambda path: answer if path == path_of_stack("bid", DAY, 49) else None
    line = lines_of(source.base_url)["absence"]
    assert line.state is State.OK
    assert ("404 for period 49" in line.says, "empty" in line.says) == (answer is NOT_FOUND, answer is NO_ROWS)


def test_rows_of_a_period_that_the_day_has_not_are_red(source: FakeElexon) -> None:
    body = json.dumps({"data": source.world.stack(DAY, "bid", PERIOD)}).encode()
    source.faults = lambda path: Fault(200, body) if path == path_of_stack("bid", DAY, 49) else None
    assert lines_of(source.base_url)["absence"].state is State.WRONG


@pytest.mark.slow
def test_of_a_dataset_that_is_asked_for_by_unit_the_units_answered_are_counted(
    source: FakeElexon, made_up: Metered
) -> None:
    nothing = lines_of(source.base_url)["MADEUP"]
    assert nothing.state is State.WRONG
    assert "units was answered" in nothing.says
    made_up.published = {"SF": "1.5"}
    some = lines_of(source.base_url)["MADEUP"]
    assert some.state is State.OK
    count = some.says.split()[0]
    assert some.says.startswith(f"{count} of {count} units answered")
    made_up.collapses = True
    assert lines_of(source.base_url)["MADEUP"].says.startswith(f"only 1 of {count} units were")
    assert lines_of(source.base_url)["MADEUP"].state is State.WRONG
