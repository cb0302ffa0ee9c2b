"""The tests' Elexon does what its knobs say, so that a test that leans on them proves something."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest
import requests

from minerecon_dagster_tests.fake_elexon import CUT, DROPPED, HTML, FakeWorld, Fault, boav_path, fake_elexon, stack_path

DAY = date(2024, 4, 20)
PATH = stack_path("bid", DAY, 7)


@pytest.fixture
def elexon():
    with fake_elexon(DAY) as server:
        yield server


def get(elexon, path=PATH):
    return requests.get(elexon.base_url + path, timeout=10)


def periods_in(answer):
    return {row["settlementPeriod"] for row in answer.json()["data"]}


def test_it_serves_the_days_given_and_counts_what_it_is_asked(elexon):
    assert get(elexon).json()["data"]
    assert get(elexon).json()["data"]
    assert get(elexon, boav_path("offer", DAY)).json()["data"]
    assert elexon.requests == {PATH: 2, boav_path("offer", DAY): 1}


def test_a_fault_can_be_of_the_first_attempts_only(elexon):
    elexon.faults = lambda path: Fault(429, headers={"Retry-After": "0"}) if elexon.requests[path] < 3 else None
    answers = [get(elexon) for _ in range(3)]
    assert [a.status_code for a in answers] == [429, 429, 200]
    assert [a.headers.get("Retry-After") for a in answers] == ["0", "0", None]


def test_a_page_in_html_comes_as_it_is(elexon):
    elexon.faults = lambda path: HTML
    assert get(elexon).text.startswith("<html>")


@pytest.mark.parametrize("fault", [CUT, DROPPED])
def test_a_cut_or_dropped_answer_breaks_the_connection(elexon, fault):
    elexon.faults = lambda path: fault
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get(elexon)
    elexon.faults = lambda path: None
    assert get(elexon).ok


def test_a_hanging_answer_comes_when_its_event_is_set(elexon):
    go_on = threading.Event()
    elexon.faults = lambda path: Fault(hang=go_on)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(get, elexon)
        with pytest.raises(requests.ReadTimeout):
            requests.get(elexon.base_url + PATH, timeout=0.2)
        assert not answer.done()
        go_on.set()
        assert answer.result(timeout=10).json()["data"]


def test_a_hanging_answer_is_released_when_the_server_stops():
    never = threading.Event()
    with fake_elexon(DAY) as elexon:
        elexon.faults = lambda path: Fault(hang=never)
        with pytest.raises(requests.ReadTimeout):
            requests.get(elexon.base_url + PATH, timeout=0.2)
    assert never.is_set()


def test_hidden_periods_have_no_rows_and_their_volume_only_while_the_controls_are_not_hidden(elexon):
    elexon.world.hide[DAY, "bid"] = {7, 8}
    assert periods_in(get(elexon)) == set()
    assert periods_in(get(elexon, stack_path("bid", DAY, 9))) == {9}
    assert periods_in(get(elexon, stack_path("offer", DAY, 7))) == {7}
    assert {7, 8} <= periods_in(get(elexon, boav_path("bid", DAY)))
    elexon.world.hide_controls = True
    assert periods_in(get(elexon, boav_path("bid", DAY))) == set(range(1, 49)) - {7, 8}


def test_a_revised_day_has_its_wind_volumes_multiplied_in_stack_and_controls_alike(elexon):
    before = elexon.world.expected_totals(DAY)
    boav_before = sum(row["totalVolumeAccepted"] for row in get(elexon, boav_path("bid", DAY)).json()["data"])
    elexon.world.revise[DAY] = 2.0
    after = elexon.world.expected_totals(DAY)
    assert after.keys() == before.keys()
    for unit in after:
        assert float(after[unit].mwh) == pytest.approx(2 * float(before[unit].mwh))
        assert float(after[unit].so_gbp) == pytest.approx(2 * float(before[unit].so_gbp))
    boav_after = sum(row["totalVolumeAccepted"] for row in get(elexon, boav_path("bid", DAY)).json()["data"])
    assert boav_before - boav_after == pytest.approx(float(sum(t.mwh for t in before.values())))


def test_the_expected_totals_are_those_of_the_rows_that_are_served(elexon):
    totals = elexon.world.expected_totals(DAY)
    unit = "T_SYNTW-1"
    rows = set()
    for period in range(1, 49):
        for row in get(elexon, stack_path("bid", DAY, period)).json()["data"]:
            if row["id"] == unit:
                rows.add((period, row["sequenceNumber"], row["volume"], row["originalPrice"], row["soFlag"]))
    assert totals[unit].rows == len(rows)
    assert totals[unit].so_rows == sum(flag is True for *_, flag in rows)
    assert totals[unit].mwh == -sum(Decimal(str(volume)) for _, _, volume, _, _ in rows)
    assert float(totals[unit].so_gbp) == pytest.approx(sum(v * p for _, _, v, p, flag in rows if flag))
    assert "T_SYNUW-1" not in totals
    assert totals[unit].so_mwh < totals[unit].mwh


@pytest.mark.parametrize(
    "touch",
    [
        lambda world: world.hide[DAY, "bid"].add(7),
        lambda world: world.revise.update({DAY: 2.0}),
        lambda world: world.unregistered.add("T_SYNUW-1"),
        lambda world: world.register_as.update({"T_SYNUW-1": {"fuelType": "WIND"}}),
        lambda world: setattr(world, "quiet_farms", 1),
        lambda world: world.respelt.update({"T_SYNUW-1": "t_synuw-1"}),
        lambda world: (world.hide[DAY, "bid"].add(7), setattr(world, "hide_controls", True)),
    ],
)
def test_a_world_that_is_touched_is_not_answered_from_what_another_one_was_asked(touch):
    world, other = FakeWorld((DAY,)), FakeWorld((DAY,))
    untouched = other.state
    assert untouched is not None
    assert world.state == untouched
    touch(world)
    assert world.state is not None
    assert world.state != untouched == other.state
    touch(other)
    assert other.state == world.state


@pytest.mark.parametrize(
    "touch",
    [lambda world: setattr(world, "stack", lambda *_: []), lambda world: setattr(world, "days", ())],
)
def test_a_world_of_which_more_is_touched_than_its_knobs_is_asked_and_not_remembered(touch):
    world = FakeWorld((DAY,))
    touch(world)
    assert world.state is None


def test_an_answer_follows_the_knobs_there_and_back(elexon):
    def volume():
        return sum(row["totalVolumeAccepted"] for row in get(elexon, boav_path("bid", DAY)).json()["data"])

    before = volume()
    elexon.world.revise[DAY] = 2.0
    twice = volume()
    elexon.world.revise[DAY] = 3.0
    assert volume() - twice == pytest.approx(twice - before)
    elexon.world.revise.clear()
    assert volume() == before != twice


def test_answers_that_are_remembered_are_those_of_the_same_days(elexon):
    before = get(elexon).json()["data"]
    elexon.world.stack = lambda *_: []
    assert get(elexon).json()["data"] == []
    del elexon.world.stack
    assert get(elexon).json()["data"] == before
    with fake_elexon(date(2024, 4, 21)) as other:
        assert get(other).status_code == 404
