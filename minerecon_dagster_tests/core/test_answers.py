"""What one request brought: its name, and what it is compared by."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest

from minerecon_dagster.core.answers import Answer, AnswerKey, is_synthetic, source_of

THEN = dt.datetime(2025, 3, 29, 6, tzinfo=dt.UTC)
LATER = THEN + dt.timedelta(hours=1)
ANSWER = Answer("https://elexon/x", 200, THEN, b"{}")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (AnswerKey("stack", "bid", 7), "stack/bid/07"),
        (AnswerKey("stack", "offer", 48), "stack/offer/48"),
        (AnswerKey("boav", "offer"), "boav/offer"),
        (AnswerKey("agws"), "agws"),
        (AnswerKey("metered", run="SF"), "metered/SF"),
        (AnswerKey("metered", "bid", 1, "R1"), "metered/bid/01/R1"),
    ],
)
def test_a_key_is_written_as_the_archive_names_its_member(key: AnswerKey, name: str) -> None:
    assert str(key) == name


def test_keys_have_an_order_by_dataset_side_and_period() -> None:
    keys = [AnswerKey("stack", "bid", 10), AnswerKey("stack", "bid", 9), AnswerKey("boav", "offer")]
    assert sorted(keys) == [keys[2], keys[1], keys[0]]
    assert (AnswerKey("agws").period, AnswerKey("agws").side, AnswerKey("agws").run) == (0, None, "")


def test_answers_are_compared_by_status_and_body_whenever_they_came() -> None:
    assert ANSWER.sha256 == hashlib.sha256(b"{}").hexdigest()
    assert ANSWER.says_the_same_as(Answer("https://elexon/y", 200, LATER, b"{}"))
    assert not ANSWER.says_the_same_as(Answer("https://elexon/x", 404, THEN, b"{}"))
    assert not ANSWER.says_the_same_as(Answer("https://elexon/x", 200, THEN, b"[]"))


def test_an_answer_seen_at_another_time_is_the_same_but_for_the_time() -> None:
    assert ANSWER.at(LATER) == Answer("https://elexon/x", 200, LATER, b"{}")
    assert (ANSWER.fetched_at, ANSWER.settled_at) == (THEN, None), "nobody has looked at it after the re-run"


def test_the_samples_answers_are_known_by_their_url() -> None:
    assert is_synthetic("http://127.0.0.1:8000/synthetic/balancing/x")
    assert not is_synthetic("https://data.elexon.co.uk/bmrs/api/v1/balancing/x")


def test_an_answer_is_whole_unless_it_is_said_which_part_it_is() -> None:
    assert AnswerKey("stack").part == 0


def test_figures_name_elexons_rights_and_made_up_ones_that_they_are_none_of_elexons() -> None:
    assert source_of(synthetic=False) == "Contains BMRS data © Elexon Limited copyright and database right."
    assert source_of(synthetic=True) == "Synthetic data, made up by a generator; not Elexon's."
