"""Compare what is with what was told, and say what is new: pure, but for asking what became of a failed run.

A message that cannot be put into words is told without them: one bad item keeps none of the others back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from minerecon_dagster.alerts import text
from minerecon_dagster.alerts.failures import Look
from minerecon_dagster.alerts.runs import FailedRun, UnreadableRun
from minerecon_dagster.alerts.state import (
    UNREADABLE,
    Check,
    FailedRuns,
    Message,
    Part,
    Place,
    State,
    keys_of,
    label,
)
from minerecon_dagster.core.spans import spans

MOST_RANGES_APART = 5
"""Of more ranges of one check at one tick, all are one message."""


@dataclass(frozen=True)
class Teller:
    """Makes messages of one tick.

    Args:
        now: the time of the tick.
        ui_url: base of the links to runs.
        is_synthetic: whether it is the bundled sample that is told of.
    """

    now: dt.datetime
    ui_url: str
    is_synthetic: bool

    def say(self, kind: str, words: Callable[[], str], of: str) -> Message:
        """A message of a kind.

        Args:
            kind: its first words.
            words: makes the others.
            of: what it is of, which is told in any case.
        """
        try:
            said = words()
        except Exception as error:  # noqa: BLE001 - whatever is odd about one item, it and all others are told
            said = f"{of}: its details cannot be put into words ({type(error).__name__}: {error}); see the UI"
        return text.message(kind, said, now=self.now, is_synthetic=self.is_synthetic)


def of_checks(state: State, look: Look, teller: Teller) -> Iterator[Message]:
    """What cleared and what fails newly, by check and range; ``state`` is brought up to date.

    At the first look at a warehouse, and where many ranges of one check come at once, a check is one message.
    """
    told = state.failing or {}
    for check in sorted(told):
        gone = {place: since for place, since in told[check].items() if place not in look.failing.get(check, ())}
        yield from _over(check, gone, look, teller)
    still_red = {str(check) for check in look.failing if check.scope == "all"}
    state.named = {name: days for name, days in state.named.items() if name in still_red}
    for check in sorted(look.failing):
        new = [place for place in look.failing[check] if place not in told.get(check, ())]
        for places in _apart(new, together=state.failing is None):
            yield teller.say("FAILING", partial(_failing, check, places, look, teller.ui_url), _named(check, places))
        if check.scope == "all":
            yield from _of_more_days(state, check, look, teller, is_told=not new)
    state.failing = {
        check: {place: told.get(check, {}).get(place) or _since(look, check, place, teller.now) for place in places}
        for check, places in look.failing.items()
    }


def _of_more_days(state: State, check: Check, look: Look, teller: Teller, *, is_told: bool) -> Iterator[Message]:
    """Days that a look at all of them names and did not name before: one that is wrong for long hides no other.

    Neither does one that was mended meanwhile, nor a newer one. What it named before and is not remembered is told.
    """
    detail = look.details.get((check, 0))
    if detail is None:
        return
    now = {day.toordinal() for day in detail.named}
    more = sorted(now.difference(state.named.get(str(check), ())))
    if is_told and more:
        words = partial(text.failing_more, check, more, detail, teller.ui_url)
        yield teller.say("FAILING", words, f"{check} (ERROR), over all days, more of them")
    state.named[str(check)] = sorted(now)


def _failing(check: Check, places: Collection[Place], look: Look, ui_url: str) -> str:
    return text.failing(check, {place: look.details[check, place] for place in places}, ui_url)


def _named(check: Check, places: Collection[Place]) -> str:
    return f"{check} (ERROR), {text.where(check.scope, sorted(places))}"


def _since(look: Look, check: Check, place: Place, now: dt.datetime) -> str:
    detail = look.details.get((check, place))
    return text.instant(now if detail is None else detail.evaluated_at)


def _over(check: Check, gone: Mapping[Place, str], look: Look, teller: Teller) -> Iterator[Message]:
    accepted = [place for place in gone if place in look.accepted.get(check, ())]
    closed = [place for place in gone if check.scope == "day" and place in look.closed]
    for reason in sorted({look.closed[place] for place in closed}):
        for places in _apart([place for place in closed if look.closed[place] == reason]):
            since = min(gone[place] for place in places)
            words = partial(text.closed, check, places, since, reason)
            yield teller.say("ACCEPTED", words, f"{_named(check, places)}, which a person has closed")
    for places in _apart([place for place in gone if place not in accepted and place not in closed]):
        since = min(gone[place] for place in places)
        yield teller.say("CLEARED", partial(text.cleared, check, places, since), _named(check, places))
    by_waiver: dict[tuple[str, str], list[Place]] = {}
    for place in accepted:
        detail = look.details.get((check, place))
        waiver = ("", "") if detail is None else (str(detail.waived_until), str(detail.waiver))
        by_waiver.setdefault(waiver, []).append(place)
    for _, same in sorted(by_waiver.items()):
        for places in _apart(same):
            words = partial(_accepted, check, places, gone, look)
            yield teller.say("ACCEPTED", words, f"{_named(check, places)}, which a waiver accepts")


def _accepted(check: Check, places: Sequence[Place], gone: Mapping[Place, str], look: Look) -> str:
    return text.accepted(check, places, min(gone[place] for place in places), look.details[check, places[0]])


def _apart(places: Collection[Place], *, together: bool = False) -> list[list[Place]]:
    """Places as they are told: a range a message, or all in one."""
    ranges = spans(places)
    if ranges and (together or len(ranges) > MOST_RANGES_APART):
        return [sorted(places)]
    return [list(range(first, last + 1)) for first, last in ranges]


def of_restatements(look: Look, teller: Teller) -> Iterator[Message]:
    """Final days that changed, neighbours together."""
    days = {change.settlement_date.toordinal() for change in look.restated}
    for places in _apart(days):
        changes = [change for change in look.restated if change.settlement_date.toordinal() in places]
        named = ", ".join(label("day", place) for place in places)
        yield teller.say("RESTATED", partial(text.restated, changes, teller.ui_url), named)


def of_unreadable_runs(unreadable: Sequence[UnreadableRun], teller: Teller) -> Iterator[Message]:
    """Runs that failed, of which that is all that can be read."""
    for run in unreadable:
        yield teller.say(UNREADABLE, partial(text.unreadable_run, run, teller.ui_url), f"run {run.run_id} failed")


def of_a_lost_memory(lost: Sequence[str], teller: Teller) -> Iterator[Message]:
    """That the alerts cannot read what they remembered."""
    if lost:
        yield teller.say(UNREADABLE, partial(text.lost_memory, lost), "what the alerts remembered")


def of_failed_runs(
    state: State, failed: Sequence[FailedRun], told_by_checks: Mapping[str, Collection[Part]], teller: Teller
) -> Iterator[Message]:
    """Runs that failed for good, those of one job with one error together; ``state`` is brought up to date.

    Days, months and years of which a check fails have their own alert and are left out; a run of which nothing is
    left is not told, unless it says something that cannot be read. A run that fails as one did that was told, and that
    nothing has made good since, is counted and not told.
    """
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[tuple[FailedRun, list[Part]]]] = {}
    for run in failed:
        parts = [part for part in run.parts if part not in told_by_checks.get(run.run_id, ())]
        if not parts and run.unfinished.unreadable:
            parts = run.parts
        if parts and (run.unfinished.unreadable or not _counted(state, run, parts)):
            groups.setdefault((run.job, run.title, run.fingerprint, run.assets), []).append((run, parts))
    for (job, title, error, assets), group in groups.items():
        runs, left = [run for run, _ in group], dict[Part, str]()
        for run, parts in group:
            left |= dict.fromkeys(parts, run.failed_at.isoformat())
        # As they are written, one run after the other.
        keys = tuple(dict.fromkeys(span for _, parts in group for span in keys_of(parts)))
        told_at = text.instant(teller.now)
        state.failed_runs.append(FailedRuns(job, title, error, keys, left, told_at, assets, len(runs)))
        yield teller.say("RUN FAILED", partial(text.run_failed, runs, keys, teller.ui_url), f"{title} of {keys}")


def _counted(state: State, run: FailedRun, parts: Sequence[Part]) -> bool:
    """Whether all of it was told of runs that failed alike, and is not made good; if so, it is counted there."""
    alike = {
        number: {part: run.failed_at.isoformat() for part in parts if part in known.left}
        for number, known in enumerate(state.failed_runs)
        if (known.job, known.title, known.error, known.assets) == (run.job, run.title, run.fingerprint, run.assets)
    }
    if not set(parts) <= {part for again in alike.values() for part in again}:
        return False
    for number, again in alike.items():
        if again:
            known = state.failed_runs[number]
            state.failed_runs[number] = replace(known, left=known.left | again, run_count=known.run_count + 1)
    return True


def of_runs_made_good(
    state: State, made_good: Callable[[FailedRuns], Mapping[Part, str]], teller: Teller
) -> Iterator[Message]:
    """Failed runs of which nothing is left that was not made good since; they are forgotten.

    Args:
        state: holds the runs that were told; what was made good of each is taken off it.
        made_good: the parts of a failed run that were made good since, each with how.
        teller: makes the messages.
    """
    still = []
    for failed in state.failed_runs:
        good = made_good(failed)
        left = {part: at for part, at in failed.left.items() if part not in good}
        if left:
            still.append(replace(failed, left=left))
        else:
            how = "; ".join(dict.fromkeys(good.values()))
            yield teller.say("CLEARED", partial(text.run_made_good, failed, how), failed.title)
    state.failed_runs = still


def of_the_warehouse(state: State, problem: str | None, teller: Teller) -> Iterator[Message]:
    """That the warehouse cannot be read, or can again."""
    if problem is not None and state.unreachable_since is None:
        state.unreachable_since = text.instant(teller.now)
        yield teller.say("UNREACHABLE", partial(text.unreachable, problem), "the warehouse cannot be read")
    elif problem is None and state.unreachable_since is not None:
        since, state.unreachable_since = state.unreachable_since, None
        yield teller.say("CLEARED", partial(text.reachable, since), "the warehouse can be read again")
