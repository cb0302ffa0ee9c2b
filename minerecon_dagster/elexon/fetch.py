"""Fetch a settlement day: what to ask, what to keep, and the record of the attempt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from minerecon_dagster.core import calendar
from minerecon_dagster.core.answers import Answer, AnswerKey, is_synthetic
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import ArchiveError, DayFailedError, MinereconError, SourceError
from minerecon_dagster.core.repairs import REFETCH
from minerecon_dagster.core.spans import periods_text
from minerecon_dagster.elexon.datasets import dataset_of, of_the_day
from minerecon_dagster.elexon.datasets.stack import STACK
from minerecon_dagster.elexon.reading import DayReading, read_day, silent_answers

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.elexon.archive import Archive, ArchivedDay
    from minerecon_dagster.elexon.client import ElexonClient

ONE_LOOK = dt.timedelta(hours=1)
"""The answers of one look at a day are this far apart at most; two runs of Elexon's are a day apart."""


@dataclass(frozen=True)
class FetchedDay:
    """A day's answers as archived, what they say, and what it took.

    Args:
        archived: the answers.
        reading: what they say.
        request_count, retry_count: what it took.
        brought_something_new: whether it needed a new object in the archive.
        fresh: the answers that came just now, and have what is held of them.
        before: what the archive held before; None where nothing was asked, or nothing was held.
        before_uri: the object that held it; "" where `before` is None.
        asked: whether Elexon was asked.
        sides: the sides of the stack that are asked for; what is held of another is read where it still holds.
    """

    archived: ArchivedDay
    reading: DayReading
    request_count: int
    retry_count: int
    brought_something_new: bool
    fresh: frozenset[AnswerKey] = frozenset()
    before: DayReading | None = None
    before_uri: str = ""
    asked: bool = False
    sides: tuple[StackSide, ...] = STACK_SIDES


class FetchFailedError(DayFailedError):
    """A day could not be fetched: nothing was archived or replaced. Holds what came, for the record."""

    def __init__(self, message: str, *, reading: DayReading, asked: Collection[AnswerKey], synthetic: bool) -> None:
        super().__init__(message)
        self.reading = reading
        self.asked = frozenset((key.side, key.period) for key in asked if key.side and key.period)
        self.synthetic = synthetic
        self.results: Sequence[Result] = ()


def questions(
    day: dt.date,
    *,
    sides: Collection[StackSide],
    now: dt.datetime,
    held: ArchivedDay | None,
    held_reading: DayReading | None,
    force: bool,
    periods: Collection[int] | None,
) -> list[AnswerKey]:
    """What to ask Elexon of a day; empty where the archive holds it final and nothing forces a look.

    Every period that is over is asked for, and with them what is of the whole day. With ``periods``, only those, and
    whatever else should be there and is not held. Of a day that is held final only the answers are asked for that are
    not all known yet, and those that were silent when last asked for. No part is asked for where a restatement of the
    day was refused, but all of it: a part would be held beside what the refused answers say otherwise.

    Raises:
        DayFailedError: ``periods`` has one that the day has not got, or none that is over.
    """
    ended = calendar.ended_periods(day, now)
    was_refused = held is not None and held.refused is not None
    if periods is not None:
        if wrong := sorted(set(periods) - set(range(1, calendar.period_count(day) + 1))):
            raise DayFailedError(f"{day} has settlement periods 1 to {calendar.period_count(day)}, not {wrong[0]}")
        if not set(periods) & set(ended):
            first = min(periods)
            over_at = calendar.period_end(day, first).strftime("%H:%M UTC on %Y-%m-%d")
            raise DayFailedError(f"{day}: settlement period {first} is not over yet; try again after {over_at}")
        periods = None if was_refused else periods
    elif held_reading is not None and held_reading.judgement.state == "final" and not force:
        again = sorted(
            {*(key for dataset in of_the_day() for key in dataset.asked_again(held_reading)), *held_reading.kept}
        )
        if not (again and was_refused):
            return again
    everything = [key for dataset in of_the_day() for key in dataset.keys(sides, ended)]

    def is_asked(key: AnswerKey) -> bool:
        return not key.period or periods is None or key.period in periods or held is None or key not in held.answers

    keys = [key for key in everything if is_asked(key)]
    return keys if any(key.period for key in keys) else []


def read_archived(
    archived: ArchivedDay,
    sides: tuple[StackSide, ...],
    *,
    controls_waived: bool = False,
    failures: Mapping[AnswerKey, MinereconError] | None = None,
) -> DayReading:
    """What an archived day says, judged at the time when it was last looked at.

    A side that is not fetched is read as well where all of it is held and it is of the same run of Elexon's: the day
    is as settled with it as without, and each of its answers was seen when, or after, the other side said what it says.
    Else it is left aside, and `DayReading.left_aside` says why.

    Args:
        archived: the day.
        sides: the sides of the stack that are fetched.
        controls_waived: whether a person accepts that the day is without its control totals (BOAV).
        failures: what has just been asked for in vain.
    """
    seen_at = max(answer.fetched_at for answer in [*archived.answers.values(), *archived.silent.values()])

    def read(of: tuple[StackSide, ...]) -> DayReading:
        return read_day(
            archived.day,
            archived.answers,
            failures or {},
            sides=of,
            now=seen_at,
            silent=archived.silent,
            controls_waived=controls_waived,
        )

    reading = read(sides)
    if not holds_others(archived, sides):
        return reading
    whole = read(STACK_SIDES)
    if not _is_settled(whole) or whole.judgement.state != reading.judgement.state:
        why = "they are not all there and of after Elexon's re-run"
    elif not (why := _older_than_the_other_side(archived, sides)):
        return whole
    others = " and ".join(f"{side}s" for side in STACK_SIDES if side not in sides)
    return replace(reading, left_aside=f"{others} are not fetched, and those that are held are not used: {why}")


def holds_others(archived: ArchivedDay, sides: Collection[StackSide]) -> bool:
    """Whether an archived day has anything of a side of the stack that is not fetched."""
    return any(key.kind == STACK.name and key.side not in sides for key in archived.answers)


def _is_settled(reading: DayReading) -> bool:
    """Whether all of a day was fetched after the re-run, whatever run its rows say that they are of."""
    return reading.judgement.state == "final" or bool(reading.judgement.first_run)


def _older_than_the_other_side(archived: ArchivedDay, sides: Collection[StackSide]) -> str:
    """In which periods what is held of a side was last seen before the fetched one said what it says; "" if in none."""
    of_stack = {(key.side, key.period): answer for key, answer in archived.answers.items() if key.kind == STACK.name}
    older = {
        period
        for (side, period), answer in of_stack.items()
        if side not in sides
        for fetched in sides
        if (beside := of_stack.get((fetched, period))) is not None
        and (beside.settled_at is None or answer.fetched_at + ONE_LOOK < beside.settled_at)
    }
    return (
        f"in periods {periods_text(older)} they were last seen before the {' and '.join(sides)}s changed"
        if older
        else ""
    )


def says_otherwise(before: DayReading, after: DayReading) -> bool:
    """Whether Elexon's answers about what was published of a day have changed, whatever was made of them.

    What was not published before, or not asked for, and is there now has come, and has not changed.
    """
    return any(
        (slot in before.answers and look.status != "unpublished")
        and (slot not in after.answers or not before.answers[slot].says_the_same_as(after.answers[slot]))
        for slot, look in before.looks.items()
    )


def fetch_day(
    day: dt.date,
    *,
    client: Callable[[], ElexonClient],
    source_url: str,
    archive: Archive,
    sides: tuple[StackSide, ...],
    now: Callable[[], dt.datetime],
    force: bool = False,
    periods: Collection[int] | None = None,
    controls_waived: bool = False,
) -> FetchedDay:
    """Fetch what the archive does not hold final, archive what is new, and say what the day holds.

    Args:
        day: settlement date, begun.
        client: makes the Elexon client; not called where nothing has to be asked.
        source_url: the base URL that the client asks.
        archive: the raw archive.
        sides: sides of the stack to fetch.
        now: the clock.
        force: ask again even if the day is final.
        periods: ask again for these only; the other answers are carried over with their own times.
        controls_waived: whether a person has accepted that the day is without its control totals.

    Raises:
        FetchFailedError: a due period or a control total did not come; the archive is untouched.
        DayFailedError: nothing of the day is due yet.
        ArchiveError, ConfigurationError: the archive cannot be used.
    """
    started = now()
    held = archive.newest(day)
    if held is not None and held.is_synthetic and not is_synthetic(source_url):
        held = None
    held_reading = read_archived(held, sides, controls_waived=controls_waived) if held is not None else None
    keys = questions(day, sides=sides, now=started, held=held, held_reading=held_reading, force=force, periods=periods)
    if not keys:
        if held is None or held_reading is None:
            raise DayFailedError(f"{day}: no settlement period is over yet; try again after {_first_end(day)}")
        return FetchedDay(held, held_reading, 0, 0, False, sides=sides)
    before = client().stats.snapshot()
    got = client().fetch(keys, day)
    used = client().stats.snapshot() - before
    fetched = {key: answer for key, answer in got.items() if isinstance(answer, Answer)}
    failures = {key: error for key, error in got.items() if isinstance(error, SourceError)}
    held_answers = held.answers if held is not None else {}
    held_silent = held.silent if held is not None else {}
    optional = {
        key
        for dataset in of_the_day()
        # A waiver lets the day do without what is of the whole day.
        if not dataset.is_required or (controls_waived and not dataset.has_period)
        for key in dataset.keys(sides, ())
    }
    for key in optional & held_answers.keys():
        if dataset_of(key).held_stands_in:
            failures.pop(key, None)
    # What is held of an optional answer stays where asking again has failed, as `Archive.record` carries it over.
    lost = failures.keys() - optional
    carried = {key: answer for key, answer in held_answers.items() if key not in fetched and key not in lost}
    still_silent = {key: answer for key, answer in held_silent.items() if key in carried}
    answers = carried | fetched
    latest = max((answer.fetched_at for answer in answers.values()), default=started)
    reading = read_day(
        day, answers, failures, sides=sides, now=latest, silent=still_silent, controls_waived=controls_waived
    )
    # Silence displaces nothing: what was there stays, with its own time, and what came is kept beside it.
    kept = {} if held_reading is None else silent_answers(held_reading, reading, fetched)
    silent = {key: fetched[key] for key in kept}
    if kept:
        answers |= {key: held_answers[key] for key in kept}
        reading = read_day(
            day,
            answers,
            failures,
            sides=sides,
            now=latest,
            silent=still_silent | silent,
            controls_waived=controls_waived,
        )
    if reading.judgement.state == "failing":
        raise FetchFailedError(
            f"{day}: {reading.problem()}; nothing was replaced; try again: {REFETCH.over(day)}",
            reading=reading,
            asked=keys,
            synthetic=is_synthetic(source_url),
        )
    if not fetched:  # only optional answers were asked for, and did not come
        assert held is not None
        if holds_others(held, sides):
            reading = read_archived(held, sides, controls_waived=controls_waived, failures=failures)
        return FetchedDay(
            held,
            reading,
            used.requests,
            used.retries,
            False,
            before=held_reading,
            before_uri=held.uri,
            asked=True,
            sides=sides,
        )
    spoken = {key: answer for key, answer in fetched.items() if key not in kept}
    archived, is_new = archive.record(day, spoken, now=now(), silent=silent)
    if reading.judgement.unpublished or holds_others(archived, sides):
        # Whether a long silence is confirmed, and whether what is held of a side that is not fetched still holds, is
        # known from the looks that the archive has kept.
        reading = read_archived(archived, sides, controls_waived=controls_waived, failures=failures)
    return FetchedDay(
        archived,
        reading,
        used.requests,
        used.retries,
        is_new,
        frozenset(spoken),
        before=held_reading,
        before_uri=held.uri if held is not None else "",
        asked=True,
        sides=sides,
    )


def from_archive(
    day: dt.date,
    archive: Archive,
    sides: tuple[StackSide, ...],
    *,
    accept_restatement: bool = False,
    controls_waived: bool = False,
) -> FetchedDay:
    """The newest archived answers of a day; asks nothing of Elexon.

    Args:
        day: settlement date.
        archive: the raw archive.
        sides: the sides of the stack that are fetched.
        accept_restatement: take the ones that were refused, where there are such.
        controls_waived: whether a person accepts that the day is without its control totals (BOAV).

    Raises:
        ArchiveError: the archive has nothing of the day.
        DayFailedError: what it holds is not a whole day.
    """
    archived = archive.newest_refused(day) if accept_restatement else None
    archived = archived or archive.newest(day)
    if archived is None:
        raise ArchiveError(f"{day}: the archive has nothing of this day; fetch it: minerecon reingest {day}")
    reading = read_archived(archived, sides, controls_waived=controls_waived)
    if reading.judgement.state == "failing":
        raise DayFailedError(
            f"{day}: {archived.uri}: {reading.problem()}; nothing was replaced; "
            f"fetch it again: minerecon reingest {day} --force"
        )
    return FetchedDay(archived, reading, 0, 0, False, sides=sides)


def _first_end(day: dt.date) -> str:
    return calendar.period_end(day, 1).strftime("%H:%M UTC on %Y-%m-%d")
