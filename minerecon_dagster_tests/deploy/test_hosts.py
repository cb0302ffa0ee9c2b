"""What the check of three hosts counts: the fullest minute, and when the work of a dead host goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from minerecon_dagster_tests.deploy.files import module

hosts = module("test/hosts.py")
ADDRESSES = SimpleNamespace(addresses={"b": "10.0.0.2", "c": "10.0.0.3", "d": "10.0.0.4"})
ENDED = [SimpleNamespace(wait=lambda timeout: 0)] * 3


def turns(every_s: float, until_s: float = 90.0) -> list[Any]:
    """Turns of three hosts that begin in turn, ``every_s`` apart."""
    names = list(ADDRESSES.addresses.values())
    return [hosts.Arrival(n * every_s, names[n % 3], "/turn") for n in range(int(until_s / every_s))]


def test_the_fullest_minute_is_the_fullest_of_all_that_begin_with_a_question() -> None:
    assert hosts.fullest([0.0, 30.0, 59.9, 60.0, 100.0, 119.8]) == 4
    assert hosts.fullest([0.0, 60.0, 120.0]) == 1


def test_a_limit_that_is_used_is_seen_and_one_that_is_exceeded_or_left_unused_fails() -> None:
    seen = hosts.turns_taken(ENDED, turns(0.0506), ADDRESSES)
    assert seen["turns_share"] == pytest.approx(60 / 0.0506 / 1200, abs=2e-3)
    assert seen["turns_fullest_60_s"] <= 1200
    assert seen["turns_hosts_share"].keys() == {"b", "c", "d"}
    with pytest.raises(AssertionError, match="of the limit were used"):
        hosts.turns_taken(ENDED, turns(0.0520), ADDRESSES)
    with pytest.raises(AssertionError, match="turns in 60 s"):
        hosts.turns_taken(ENDED, turns(0.0499), ADDRESSES)


def test_the_work_goes_on_when_another_host_asks_for_a_day_of_the_run_that_was_lost() -> None:
    asked = [
        hosts.Arrival(1.0, "10.0.0.2", "/stack/all/bid/2025-03-28/1"),
        hosts.Arrival(11.0, "10.0.0.2", "/stack/all/bid/2025-03-28/2"),
        hosts.Arrival(12.0, "10.0.0.3", "/stack/all/bid/2025-03-27/2"),
        hosts.Arrival(60.0, "10.0.0.3", "/stack/all/bid/2025-03-28/2"),
    ]
    assert hosts.goes_on_at(asked, ["2025-03-28", "2025-03-29"], 10.0, "10.0.0.2") == 60.0
    assert hosts.goes_on_at(asked, ["2025-03-30"], 10.0, "10.0.0.2") == float("inf")


def test_the_steps_between_the_cut_and_the_work_are_told_by_the_slowest_run() -> None:
    lost = [SimpleNamespace(end_time=170.0), SimpleNamespace(end_time=161.0)]
    anew = [SimpleNamespace(enqueued_time=172.0, launch_time=176.0, start_time=None)] * 2
    assert hosts.steps(lost, anew, 100.0) == {"found_dead": 70.0, "queued": 72.0, "launched": 76.0}


def test_the_days_of_a_run_are_those_of_its_range_or_its_one() -> None:
    ranged = SimpleNamespace(
        tags={
            "dagster/asset_partition_range_start": "2025-02-27",
            "dagster/asset_partition_range_end": "2025-03-01",
        }
    )
    assert hosts.days_of(ranged) == ["2025-02-27", "2025-02-28", "2025-03-01"]
    assert hosts.days_of(SimpleNamespace(tags={"dagster/partition": "2025-03-28"})) == ["2025-03-28"]
