"""Compare what is with what was told, and say what is new: pure, but for asking Dagster what became of a failed run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from minerecon_dagster.alerts import text
from minerecon_dagster.alerts.failures import Look
from minerecon_dagster.alerts.runs import FailedRun, Keys, days_in, keys_of_days
from minerecon_dagster.alerts.state import Check, FailedRuns, Message, Place, State, spans

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

    def say(self, kind: str, words: str) -> Message:
        """A message of a kind."""
        return text.message(kind, words, now=self.now, is_synthetic=self.is_synthetic)


def of_checks(state: State, look: Look, teller: Teller) -> Iterator[Message]:
    """What cleared and what fails newly, by check and range; ``state`` is brought up to date.

    At the first look at a warehouse, and where many ranges of one check come at once, a check is one message.
    """
    told = state.failing or {}
    for check in sorted(told):
        gone = {place: since for place, since in told[check].items() if place not in look.failing.get(check, ())}
        yield from _over(check, gone, look, teller)
    for check in sorted(look.failing):
        new = [place for place in look.failing[check] if place not in told.get(check, ())]
        for places in _apart(new, together=state.failing is None):
            details = {place: look.details[check, place] for place in places}
            yield teller.say("FAILING", text.failing(check, details, teller.ui_url))
    state.failing = {
        check: {
            place: told.get(check, {}).get(place) or text.instant(look.details[check, place].evaluated_at)
            for place in places
        }
        for check, places in look.failing.items()
    }


def _over(check: Check, gone: Mapping[Place, str], look: Look, teller: Teller) -> Iterator[Message]:
    accepted = [place for place in gone if place in look.accepted.get(check, ())]
    closed = [place for place in gone if check.scope == "day" and place in look.closed]
    for reason in sorted({look.closed[place] for place in closed}):
        for places in _apart([place for place in closed if look.closed[place] == reason]):
            since = min(gone[place] for place in places)
            yield teller.say("ACCEPTED", text.closed(check, places, since, reason))
    for places in _apart([place for place in gone if place not in accepted and place not in closed]):
        yield teller.say("CLEARED", text.cleared(check, places, min(gone[place] for place in places)))
    for waiver in sorted({(str(d.waived_until), str(d.waiver)) for p in accepted if (d := look.details[check, p])}):
        same = [
            p
            for p in accepted
            if (str(look.details[check, p].waived_until), str(look.details[check, p].waiver)) == waiver
        ]
        for places in _apart(same):
            since = min(gone[place] for place in places)
            yield teller.say("ACCEPTED", text.accepted(check, places, since, look.details[check, places[0]]))


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
        yield teller.say("RESTATED", text.restated(changes, teller.ui_url))


def of_failed_runs(
    state: State, failed: Sequence[FailedRun], told_by_checks: Mapping[str, Collection[dt.date]], teller: Teller
) -> Iterator[Message]:
    """Runs that failed for good, those of one job with one error together; ``state`` is brought up to date.

    Days of which a check fails have their own alert and are left out; a run of which nothing is left is not told.
    A run that fails as one did that was told, and that nothing has made good since, is counted and not told.
    """
    groups: dict[tuple[str, str, str], list[tuple[FailedRun, Keys]]] = {}
    for run in failed:
        keys = run.keys
        if run.days_not_done:
            keys = keys_of_days([day for day in run.days_not_done if day not in told_by_checks.get(run.run_id, ())])
            if not keys:
                continue
        if not _counted(state, run, keys):
            groups.setdefault((run.job, run.title, run.fingerprint), []).append((run, keys))
    for (job, title, error), group in groups.items():
        runs = [run for run, _ in group]
        keys = tuple(dict.fromkeys(span for _, of_run in group for span in of_run))
        began = min(run.started_at for run in runs).isoformat()
        state.failed_runs.append(FailedRuns(job, title, error, keys, began, text.instant(teller.now), len(runs)))
        yield teller.say("RUN FAILED", text.run_failed(runs, keys, teller.ui_url))


def _counted(state: State, run: FailedRun, keys: Keys) -> bool:
    for number, known in enumerate(state.failed_runs):
        if (known.job, known.title, known.error) == (run.job, run.title, run.fingerprint) and _covers(known.keys, keys):
            state.failed_runs[number] = replace(known, run_count=known.run_count + 1)
            return True
    return False


def _covers(keys: Keys, other: Keys) -> bool:
    """Whether all of ``other`` is told with ``keys``; a run without partitions is told with its like only."""
    if not keys or not other:
        return keys == other
    return all(any(f <= first and last <= t for f, t in keys) for first, last in other)


def of_runs_made_good(
    state: State,
    looked_at_since: Sequence[Collection[dt.date]],
    was_run_since: Callable[[FailedRuns], bool],
    teller: Teller,
) -> Iterator[Message]:
    """Failed runs whose days were looked at since, or whose job did since what they did not; they are forgotten.

    Args:
        state: holds the runs that were told.
        looked_at_since: of each of them, the days that the warehouse has newer results of; empty if it is not known.
        was_run_since: whether Dagster has a later good run of the same.
        teller: makes the messages.
    """
    still = []
    for number, failed in enumerate(state.failed_runs):
        days = set(days_in(failed.keys))
        if days and number < len(looked_at_since) and days <= set(looked_at_since[number]):
            how = "every day of it was looked at since, and its checks say how it is"
            yield teller.say("CLEARED", text.run_made_good(failed, how))
        elif was_run_since(failed):
            yield teller.say("CLEARED", text.run_made_good(failed, "a later run of it succeeded"))
        else:
            still.append(failed)
    state.failed_runs = still


def of_the_warehouse(state: State, problem: str | None, teller: Teller) -> Iterator[Message]:
    """That the warehouse cannot be read, or can again."""
    if problem is not None and state.unreachable_since is None:
        state.unreachable_since = text.instant(teller.now)
        yield teller.say("UNREACHABLE", text.unreachable(problem))
    elif problem is None and state.unreachable_since is not None:
        since, state.unreachable_since = state.unreachable_since, None
        yield teller.say("CLEARED", f"the warehouse can be read again; it could not since {since}")
