"""The wind output: what is known, what is believed, and what is asked again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from minerecon_dagster.core.answers import AnswerKey
from minerecon_dagster.core.errors import MinereconError
from minerecon_dagster.elexon.datasets.agws import (
    AGWS,
    WIND_OUTPUT_ABOVE_ZERO,
    WIND_OUTPUT_KNOWN,
    WindOutput,
    WindSaid,
    believed_wind_output,
)
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster.sample.ask import Asked, ProblemError
from minerecon_dagster_tests.elexon.small import (
    AT,
    DAY,
    NOON,
    PERIODS,
    STARTS,
    answer,
    are_stored,
    in_agws,
    in_stack,
    of_itself,
    read,
    whole_day,
)

ONE, TWO, ZERO = Decimal(1), Decimal(2), Decimal(0)


def of_wind(rows: list[dict[str, Any]], *, now: dt.datetime = AT, **more: Any) -> DayReading:
    return read(whole_day() | {AGWS.key: rows}, now=now, **more)


def output(onshore: Mapping[int, float], offshore: Mapping[int, float]) -> list[dict[str, Any]]:
    return [in_agws(p, "Wind Onshore", mw) for p, mw in onshore.items()] + [
        in_agws(p, "Wind Offshore", mw) for p, mw in offshore.items()
    ]


def bid(period: int, volume: float = -2) -> Any:
    (row,) = read(whole_day() | {AnswerKey("stack", "bid", period): [in_stack(period, volume=volume)]}).rows[
        "bid", period
    ]
    return "bid", period, row


@pytest.mark.parametrize(
    ("onshore", "offshore", "measured", "zero"),
    [(ONE, TWO, True, False), (ZERO, TWO, False, True), (ONE, ZERO, False, True), (None, TWO, False, False),
     (ONE, None, False, False), (None, None, False, False), (None, ZERO, False, True)],
)  # fmt: skip
def test_an_output_is_measured_if_both_kinds_are_known_and_not_zero(
    onshore: Decimal | None, offshore: Decimal | None, measured: bool, zero: bool
) -> None:
    found = WindOutput(onshore, offshore)
    assert (found.is_measured, found.has_zero) == (measured, zero)


def test_a_zero_is_not_believed_beside_a_bid_and_is_elsewhere() -> None:
    wind = {1: WindOutput(ZERO, TWO), 2: WindOutput(ONE, ZERO), 3: WindOutput(ZERO, ZERO), 4: WindOutput(ONE, TWO)}
    assert believed_wind_output(wind, {1, 2, 4}) == {
        1: WindOutput(None, TWO),
        2: WindOutput(ONE, None),
        3: WindOutput(ZERO, ZERO),
        4: WindOutput(ONE, TWO),
    }


def test_what_is_said_counts_as_an_answer_if_it_is_of_any_period() -> None:
    says = WindSaid({1: WindOutput(ONE, None), 2: WindOutput(None, ZERO)})
    assert (says.answer_count, WindSaid().answer_count) == (1, 0)
    assert says.known == {(1, False), (2, True)}
    assert (WindSaid().by_period, WindSaid().error) == ({}, None)


def test_one_answer_is_asked_for_whatever_the_sides_and_periods_from_the_first_start_of_the_day_to_the_last() -> None:
    assert AGWS.keys((), []) == [AnswerKey("agws")]
    where = "/generation/actual/per-type/wind-and-solar"
    assert AGWS.path(AGWS.key, DAY) == f"{where}?from=2025-03-28T00:00Z&to=2025-03-28T23:30Z"
    summer = dt.date(2025, 7, 1)
    assert AGWS.path(AGWS.key, summer) == f"{where}?from=2025-06-30T23:00Z&to=2025-07-01T22:30Z"


def test_the_sample_answers_with_the_rows_of_the_range_and_says_if_there_are_none() -> None:
    asked = Asked(
        [DAY], "generation/actual/per-type/wind-and-solar", {"from": ["2025-03-28T00:00Z"], "to": ["2025-03-28T23:30Z"]}
    )
    world: Any = SimpleNamespace(wind_and_solar=lambda first, last: [{"of": (first, last)}])
    assert AGWS.sample(world, asked) == [{"of": (STARTS[0], STARTS[-1])}]
    assert AGWS.sample(world, Asked([DAY], "generation", {})) is None
    with pytest.raises(ProblemError):
        AGWS.sample(SimpleNamespace(wind_and_solar=lambda *_: []), asked)  # type: ignore[arg-type]


def test_each_kind_is_known_by_the_row_that_was_published_last() -> None:
    rows = [
        in_agws(1, "Wind Onshore", 1.50),
        in_agws(1, "Wind Onshore", 2, publishTime="2025-03-29T10:00:00Z"),
        in_agws(1, "Wind Onshore", 3, publishTime="2025-03-29T08:00:00Z"),
        in_agws(1, "Wind Onshore", 2.0, publishTime="2025-03-29T10:00:00Z"),
        in_agws(1, "Solar", 5),
        in_agws(2, "Wind Offshore", 6),
        in_agws(3, "Solar", 7),
    ]
    says = of_wind(rows).of(AGWS)
    assert says.by_period == {1: WindOutput(Decimal(2), None), 2: WindOutput(None, Decimal(6))}
    assert (says.error, says.kept) == (None, {})


@pytest.mark.parametrize(
    ("rows", "failures", "error"),
    [
        (None, {}, "it was not fetched"),
        ([], {AGWS.key: MinereconError("timed out")}, "timed out"),
        ([in_agws(1, "Wind Onshore", None)], {}, "got `null` - at `$.data[0].quantity`"),
    ],
)
def test_what_did_not_come_or_cannot_be_read_says_why(
    rows: list[dict[str, Any]] | None, failures: dict[AnswerKey, MinereconError], error: str
) -> None:
    answers = {k: each for k, each in whole_day().items() if k != AGWS.key or rows is not None}
    reading = read(answers | ({} if rows is None else {AGWS.key: rows}), failures=failures)
    says = reading.of(AGWS)
    assert says.by_period == {}
    assert error in str(says.error)
    assert reading.judgement.state == "final"


def test_where_a_later_answer_lacks_periods_those_held_are_kept_and_the_others_are_the_later_ones() -> None:
    held = output({1: 1, 2: 1}, {1: 2, 2: 2, 3: 2})
    says = of_wind(held, silent={AGWS.key: output({1: 5}, {2: 6})}).of(AGWS)
    assert says.by_period == {
        1: WindOutput(Decimal(5), TWO),
        2: WindOutput(ONE, Decimal(6)),
        3: WindOutput(None, TWO),
    }
    assert says.kept == {AGWS.key: (1, 2, 3)}


def test_a_later_answer_that_cannot_be_read_says_why() -> None:
    says = of_wind(output({1: 1}, {}), silent={AGWS.key: [in_agws(1, "Wind Onshore", None)]}).of(AGWS)
    assert (says.by_period, says.kept) == ({}, {})
    assert "got `null`" in str(says.error)


def test_an_answer_lacks_the_periods_that_were_known_unless_it_says_nothing_at_all() -> None:
    held = of_wind(output({1: 1, 2: 1}, {1: 2}))
    came = answer([])
    assert AGWS.lacks(AGWS.key, came, held, of_wind(output({2: 9}, {1: 2, 3: 3}))) == {1}
    assert AGWS.lacks(AGWS.key, came, held, held) == set()
    assert AGWS.lacks(AGWS.key, came, held, of_wind([in_agws(1, "Wind Onshore", None)])) == set()


@pytest.mark.parametrize(
    ("period", "text"), [(1, "the wind output was 1,003 MW"), (2, "the wind output was 3 MW"), (3, "")]
)
def test_beside_a_silent_period_stands_the_output_that_is_known(period: int, text: str) -> None:
    assert AGWS.beside(of_wind(output({1: 1000}, {1: 3, 2: 3})).of(AGWS), period) == text


@pytest.mark.parametrize(
    ("onshore", "offshore", "again"),
    [({}, {}, False), ({7: 0}, {}, True), ({}, {7: 0}, True), ({7: None}, {}, True)],
)
def test_a_day_is_asked_again_until_every_period_is_measured(
    onshore: dict[int, float | None], offshore: dict[int, float | None], again: bool
) -> None:
    every = dict.fromkeys(PERIODS, 5)
    rows = output(
        {p: mw for p, mw in (every | onshore).items() if mw is not None},
        {p: mw for p, mw in (every | offshore).items() if mw is not None},
    )
    assert AGWS.asked_again(of_wind(rows)) == ([AGWS.key] if again else [])


@pytest.mark.parametrize(
    ("rows", "now", "looked_at", "expected", "actual", "missing"),
    [
        (output(dict.fromkeys(PERIODS, 1), dict.fromkeys(PERIODS, 0)), AT, 48,
         "48 periods with onshore and offshore output", "48 known", []),
        (output(dict.fromkeys(PERIODS, 1), dict.fromkeys(range(2, 48), 1)), AT, 48,
         "48 periods with onshore and offshore output", "46 known", [1, 48]),
        (output(dict.fromkeys(range(2, 49), 1), dict.fromkeys(PERIODS, 1)), AT, 48,
         "48 periods with onshore and offshore output", "47 known", [1]),
        (output({1: 1}, {1: 1}), NOON, 48, "none yet", "1 known", []),
    ],
)  # fmt: skip
def test_the_output_is_known_of_a_day_that_is_over_if_it_is_of_every_period(
    rows: list[dict[str, Any]], now: dt.datetime, looked_at: int, expected: str, actual: str, missing: list[int]
) -> None:
    (found,) = AGWS.completeness(of_wind(rows, now=now))
    assert (found.checked, found.looked_at, found.expected, found.actual) == (
        WIND_OUTPUT_KNOWN, looked_at, expected, actual,
    )  # fmt: skip
    assert list(found.violations) == [{"settlement_period": p} for p in missing]
    assert str(found.repair) == "minerecon reingest 2025-03-28"


def test_why_the_output_is_not_known_is_told() -> None:
    (found,) = AGWS.completeness(read({k: rows for k, rows in whole_day().items() if k != AGWS.key}))
    assert found.actual == "0 known, it was not fetched"
    assert found.violation_count == 48


def test_a_zero_beside_a_bid_is_found_with_what_was_turned_down() -> None:
    rows = output({1: 0, 2: 1, 3: 0, 4: 5}, {1: 3, 2: 0, 4: 5})
    bids = [bid(1, -1.5), bid(1, -2), bid(2), bid(4), bid(5)]
    (found,) = AGWS.check(of_wind(rows), bids, {})
    assert found.checked is WIND_OUTPUT_ABOVE_ZERO
    assert found.checked.full_name == "physics.wind_output_above_zero"
    assert list(found.violations) == [
        {"settlement_period": 1, "wind_onshore_mw": "0", "wind_offshore_mw": "3", "all_bids_mwh": "3.5"},
        {"settlement_period": 2, "wind_onshore_mw": "1", "wind_offshore_mw": "0", "all_bids_mwh": "2"},
    ]
    assert (found.looked_at, found.expected, found.actual) == (
        96, "wind output above 0 in the 4 periods with wind bids", "0 in 2 of 3 with an output: periods 1-2",
    )  # fmt: skip
    assert str(found.repair) == "minerecon reingest 2025-03-28"


def test_a_zero_of_one_kind_is_found_where_the_other_is_not_known() -> None:
    (found,) = AGWS.check(of_wind(output({1: 0}, {})), [bid(1)], {})
    assert [v["wind_offshore_mw"] for v in found.violations] == [None]


def test_an_output_above_zero_passes() -> None:
    (found,) = AGWS.check(of_wind(output({1: 1}, {1: 1})), [bid(1)], {})
    assert (found.passed, found.actual) == (True, "0 in 0 of 1 with an output")


class Stored:
    """A connection that knows one statement's rows."""

    def __init__(self, **of_period: tuple[Decimal | None, Decimal | None]) -> None:
        self.rows = [
            SimpleNamespace(settlement_period=int(p[1:]), wind_onshore_mw=on, wind_offshore_mw=off)
            for p, (on, off) in of_period.items()
        ]

    def execute(self, _statement: object, values: dict[str, object]) -> list[SimpleNamespace]:
        assert values == {"day": DAY}
        return self.rows


def test_what_is_stored_otherwise_than_it_is_believed_is_named_by_period() -> None:
    reading = of_wind(output({1: 1, 2: 0, 4: 1}, {1: 2, 2: 2, 4: 2}))
    stored: Any = Stored(p1=(ONE, TWO), p2=(ZERO, TWO), p3=(None, ONE))
    assert AGWS.stored_otherwise(stored, reading, [bid(2)]) == [
        {"settlement_period": 2, "archive": {"onshore_mw": None, "offshore_mw": "2"},
         "stored": {"onshore_mw": "0", "offshore_mw": "2"}},
        {"settlement_period": 3, "archive": None, "stored": {"onshore_mw": None, "offshore_mw": "1"}},
        {"settlement_period": 4, "archive": {"onshore_mw": "1", "offshore_mw": "2"}, "stored": None},
    ]  # fmt: skip


def test_what_is_believed_is_written_with_the_start_of_its_period() -> None:
    reading = of_wind(output({1: 0, 2: 0}, {1: 2, 2: 2}))
    assert list(AGWS.rows(reading, [bid(2)], {})) == [(DAY, 1, STARTS[0], ZERO, TWO), (DAY, 2, STARTS[1], None, TWO)]


def test_a_materialization_says_the_output_or_why_there_is_none() -> None:
    known, above = AGWS.completeness(of_wind([]))[0], AGWS.check(of_wind(output({1: 0}, {1: 1})), [bid(1)], {})[0]

    def metadata(mwh: Decimal | None, *results: object) -> dict[str, Any]:
        built: Any = SimpleNamespace(figures=SimpleNamespace(wind_generation_mwh=mwh), results=results)
        return AGWS.metadata(built)

    assert metadata(Decimal("1.23456")) == {"wind_generation_mwh": 1.235}
    assert metadata(Decimal(0), known) == {"wind_generation_mwh": 0.0}
    assert metadata(None, known, above) == {
        "wind_generation_mwh": None, "missing": "0 known; 0 in 1 of 1 with an output: periods 1",
    }  # fmt: skip
    passing = AGWS.check(of_wind(output({1: 1}, {1: 1})), [bid(1)], {})[0]
    foreign = SimpleNamespace(checked=object(), passed=False, actual="of another dataset")
    assert metadata(None, passing, foreign) == {
        "wind_generation_mwh": None, "missing": "not known of every period yet",
    }  # fmt: skip


def test_it_declares_of_itself_what_the_others_go_by() -> None:
    assert of_itself(AGWS) == {
        "name": "agws",
        "report": "AGWS",
        "source": "Elexon's wind output (AGWS)",
        "is_bare": False,
        "columns": ("settlement_date", "settlement_period", "start_time", "wind_onshore_mw", "wind_offshore_mw"),
        "group": "curtailment",
        "reads_register": False,
        "is_required": False,
        "has_side": False,
        "has_period": False,
        "held_stands_in": True,
        "table": "wind_generation_data",
        "may_be_null": ["wind_onshore_mw", "wind_offshore_mw", "total_wind_mw", "total_wind_mwh"],
        "properties": ["wind_output_known", "wind_output_above_zero"],
        "unseen_as": None,
    }
    assert are_stored(AGWS) == ["total_wind_mw", "total_wind_mwh"]
