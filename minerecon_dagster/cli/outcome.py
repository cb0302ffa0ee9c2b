"""What every command that runs a job shares: the days it is asked for, and how the job went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import click

from minerecon_dagster.core.errors import ConfigurationError, MinereconError
from minerecon_dagster.core.unfinished import Unfinished

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.execution.plan.objects import StepFailureData
    from dagster_shared.error import SerializableErrorInfo

MOST_DAYS_SHOWN = 62
"""Of more days than these a terminal shows a table by month, and what is wrong."""


class Interrupted(Exception):  # noqa: N818 - no error: a person wanted it so
    """A command was interrupted, by Ctrl-C or SIGTERM; exit code 130. ``str()`` says how to go on.

    Args:
        days_done: how many of the days of the run in hand were finished.
        message: what to tell the person.
    """

    def __init__(self, days_done: int = 0, message: str = "interrupted") -> None:
        self.days_done = days_done
        super().__init__(message)


class RestInterrupted(Interrupted):
    """The interruption of what follows once all days are done: PN, B1610, and the sums.

    Args:
        count: how many days were done.
    """

    def __init__(self, count: int) -> None:
        super().__init__(
            count,
            f"interrupted after all {count:,} days, before all that follows them (PN, B1610, sums of months and years) "
            "was done; the same command does the rest",
        )


@contextmanager
def interruptible(
    days: Sequence[dt.date], verb: str, options: Sequence[str] = (), *, goes_on_by_itself: bool = False
) -> Iterator[None]:
    """Let an interruption of the work on ``days`` say how many of them are done, and what does the others.

    Args:
        days: the days of the run, in its order.
        verb: the command, as in ``reingest``.
        options: what it was given beside the days.
        goes_on_by_itself: whether the same command leaves alone what is done.
    """
    try:
        yield
    except Interrupted as stop:
        done, count = stop.days_done, len(days)
        if done >= count or isinstance(stop, RestInterrupted):
            raise RestInterrupted(count) from None
        rest = [str(days[done]), *([str(days[-1])] if done < count - 1 else [])]
        how = (
            f"the same command goes on with {days[done]}"
            if goes_on_by_itself
            else f"for the others: {' '.join(('minerecon', verb, *rest, *options))}"
        )
        raise Interrupted(done, f"interrupted after {done:,} of {count:,} days; {how}") from None


@dataclass
class Outcome:
    """How a job went: the work on each day done, what is not done (days, months, years), and what stopped it."""

    run_ids: list[str] = field(default_factory=list)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    not_done: dict[str, str] = field(default_factory=dict)
    stopped_by: str | None = None

    @property
    def problem(self) -> str | None:
        """Why not all was done, in one line; None where all was."""
        return self.stopped_by or "; ".join(self.not_done.values()) or None

    def joined(self, other: Outcome) -> Outcome:
        """Both, one after the other."""
        return Outcome(
            self.run_ids + other.run_ids,
            self.done | other.done,
            self.not_done | other.not_done,
            self.stopped_by or other.stopped_by,
        )


def days_between(first: dt.date, last: dt.date) -> list[dt.date]:
    """The days FROM to TO, both included.

    Raises:
        click.UsageError: TO is before FROM, in the future, or FROM is before the first day.
    """
    from minerecon_dagster.core.calendar import settlement_date
    from minerecon_dagster.settings import start_date

    today, floor = settlement_date(dt.datetime.now(dt.UTC)), start_date()
    require_days(first, last, today)
    require_days(last, last, today)
    if first < floor:
        raise click.UsageError(f"{first} is before the first day, {floor}; set MINERECON_START_DATE to an earlier one")
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def require_days(first: dt.date, last: dt.date, today: dt.date) -> None:
    """Refuse a range without a day that has begun by ``today``: to have looked at nothing is no answer.

    Raises:
        click.UsageError: TO is before FROM, or FROM is in the future.
    """
    if last < first:
        raise click.UsageError(f"FROM {first} is after TO {last}")
    if first > today:
        raise click.UsageError(f"{first} has not begun; today is {today} in London")


def months_between(first: dt.date, last: dt.date) -> list[str]:
    """The months of the days FROM to TO, both included, as in ``2025-03``.

    Raises:
        click.UsageError: TO is before FROM, in the future, or FROM is before the month of the first day.
    """
    from minerecon_dagster.core.calendar import settlement_date
    from minerecon_dagster.settings import start_date

    begin, end = first.replace(day=1), last.replace(day=1)
    today, floor = settlement_date(dt.datetime.now(dt.UTC)), start_date().replace(day=1)
    if end < begin:
        raise click.UsageError(f"FROM {begin:%Y-%m} is after TO {end:%Y-%m}")
    if end > today:
        raise click.UsageError(f"{end:%Y-%m} has not begun; today is {today} in London")
    if begin < floor:
        raise click.UsageError(f"{begin:%Y-%m} is before the first month, {floor:%Y-%m}; set MINERECON_START_DATE")
    count = (end.year - begin.year) * 12 + end.month - begin.month + 1
    return [f"{begin.year + n // 12:04}-{n % 12 + 1:02}" for n in range(begin.month - 1, begin.month - 1 + count)]


def asker(command: str) -> str:
    """Who asks, for the record: the command, and the user of this machine who gave it."""
    user = user_of_this_machine()
    return command if user is None else f"{command} by {user}"


def user_of_this_machine() -> str | None:
    """The name of the user who gave the command; None where no variable names one and the system knows none."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None


def _names(error: type[Exception]) -> set[str]:
    return {error.__name__}.union(*map(_names, error.__subclasses__()))


class Result(Protocol):
    """A run that is over, in this process or elsewhere."""

    @property
    def run_id(self) -> str:
        """Of the run."""

    @property
    def success(self) -> bool:
        """Whether it did all that it was to do."""

    def get_step_failure_events(self) -> Sequence[dg.DagsterEvent]:
        """Why steps failed."""

    def get_asset_materialization_events(self) -> Sequence[dg.DagsterEvent]:
        """What was materialized."""


def outcome_of(result: Result) -> Outcome:
    """How a run went.

    Raises:
        ConfigurationError: it failed by a setting that is wrong.
    """
    outcome = Outcome([result.run_id], _work_done(result))
    for event in result.get_step_failure_events():
        failure = event.step_failure_data
        metadata = failure.user_failure_data.metadata if failure.user_failure_data else {}
        unfinished = Unfinished.from_metadata(metadata)
        outcome.not_done |= unfinished.reasons
        if unfinished:
            outcome.stopped_by = "; ".join(unfinished.unreadable) or outcome.stopped_by
            continue
        cause = cause_of(failure)
        message = " ".join((cause.message if cause else "the run failed").split())
        name = cause.cls_name if cause else None
        if name in _names(ConfigurationError):
            raise ConfigurationError(message.split(": ", 1)[-1])
        is_ours = name in _names(MinereconError) or message.startswith("dagster")
        outcome.stopped_by = message.split(": ", 1)[-1] if name and is_ours else message
    if not result.success and outcome.problem is None:
        # It ended before a step began, or between them: what is stored is as it was, and would pass for its work.
        outcome.stopped_by = f"run {result.run_id} failed outside of its steps: its log in Dagster's UI says why"
    return outcome


def cause_of(failure: StepFailureData) -> SerializableErrorInfo | None:
    """The error of ours in a step's failure, or else the first one: what one of ours says has its remedy."""
    ours, cause = _names(MinereconError), failure.error
    while cause is not None and cause.cause is not None and cause.cls_name not in ours:
        cause = cause.cause
    return cause


def is_of_the_command(failure: StepFailureData) -> bool:
    """Whether a step failed by what the person gave it, or by a setting: exit code 2, and nobody else's business."""
    cause = cause_of(failure)
    return cause is not None and cause.cls_name in _names(ConfigurationError)


def _work_done(result: Result) -> dict[str, dict[str, Any]]:
    """What the run says of each day that it finished: state, requests, seconds, archive object."""
    from minerecon_dagster.asset_keys import PROGRESS

    done = {}
    for event in result.get_asset_materialization_events():
        if event.asset_key == PROGRESS and event.partition is not None:
            metadata = event.materialization.metadata
            done[event.partition] = {name: value.value for name, value in metadata.items()}
    return done
