"""What every command that runs a job shares: the days it is asked for, and how the job went."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from minerecon_dagster.core.errors import ConfigurationError, MinereconError
from minerecon_dagster.core.unfinished import Unfinished

if TYPE_CHECKING:
    import dagster as dg

DAY = click.DateTime(["%Y-%m-%d"])
MOST_DAYS_SHOWN = 62
"""Of more days than these a terminal shows a table by month, and what is wrong."""


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
    if last < first:
        raise click.UsageError(f"FROM {first} is after TO {last}")
    if last > today:
        raise click.UsageError(f"{last} has not begun; today is {today} in London")
    if first < floor:
        raise click.UsageError(f"{first} is before the first day, {floor}; set MINERECON_START_DATE to an earlier one")
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def asker(command: str) -> str:
    """Who asks, for the record: the command, and the user of this machine who gave it."""
    import getpass

    try:
        return f"{command} by {getpass.getuser()}"
    except (OSError, KeyError):  # no variable names a user, and the system knows none of this number
        return command


def _names(error: type[Exception]) -> set[str]:
    return {error.__name__}.union(*map(_names, error.__subclasses__()))


def outcome_of(result: dg.ExecuteInProcessResult) -> Outcome:
    """How a run in this process went.

    Raises:
        ConfigurationError: it failed by a setting that is wrong.
    """
    outcome = Outcome([result.run_id], _work_done(result))
    ours = _names(MinereconError)
    for event in result.get_step_failure_events():
        failure = event.step_failure_data
        metadata = failure.user_failure_data.metadata if failure.user_failure_data else {}
        unfinished = Unfinished.from_metadata(metadata)
        outcome.not_done |= unfinished.reasons
        if unfinished:
            outcome.stopped_by = "; ".join(unfinished.unreadable) or outcome.stopped_by
            continue
        cause = failure.error
        # What one of our own errors says has its remedy; what caused it has not.
        while cause is not None and cause.cause is not None and cause.cls_name not in ours:
            cause = cause.cause
        message = " ".join((cause.message if cause else "the run failed").split())
        name = cause.cls_name if cause else None
        if name == ConfigurationError.__name__:
            raise ConfigurationError(message.split(": ", 1)[-1])
        is_ours = name in ours or message.startswith("dagster")
        outcome.stopped_by = message.split(": ", 1)[-1] if name and is_ours else message
    return outcome


def _work_done(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """What the run says of each day that it finished: state, requests, seconds, archive object."""
    from minerecon_dagster.asset_keys import PROGRESS

    done = {}
    for event in result.get_asset_materialization_events():
        if event.asset_key == PROGRESS and event.partition is not None:
            metadata = event.materialization.metadata
            done[event.partition] = {name: value.value for name, value in metadata.items()}
    return done
