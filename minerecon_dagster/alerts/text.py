"""The words of the messages: what, where, what was found, how to repair it, and where to look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from minerecon_dagster.alerts.failures import Detail, Restatement
from minerecon_dagster.alerts.redaction import redact
from minerecon_dagster.alerts.runs import FailedRun, UnreadableRun
from minerecon_dagster.alerts.state import INSTANT, Check, FailedRuns, Keys, Message, Place, label, parts_of
from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core import repairs
from minerecon_dagster.core.checks import Scope
from minerecon_dagster.core.exact import pounds
from minerecon_dagster.core.printable import printable, printable_lines
from minerecon_dagster.core.repairs import Repair
from minerecon_dagster.core.spans import span_text, spans
from minerecon_dagster.jobs import (
    EXPORT_MONTHS,
    EXPORT_SWEEP,
    RECALCULATE,
    REFRESH_PRICES,
    ROLL_UP_MONTHS,
    ROLL_UP_YEARS,
    VERIFY,
)

MOST_CHARACTERS = 2_900
"""Of a message; Slack takes more, and nobody reads it."""
_MOST_OF_A_FIELD = 400
_MOST_COMMANDS = 3
_MOST_RANGES = 5
_AGAIN = {
    RECALCULATE: repairs.RECALCULATE,
    VERIFY: repairs.VERIFY,
    REFRESH_PRICES: repairs.PRICES,
    EXPORT_MONTHS: repairs.EXPORT,
    EXPORT_SWEEP: repairs.EXPORT,
}
"""What does again what a run of a job did not do, of the days or months that it names."""
_UNIT: Mapping[Scope, str] = {"day": "days", "month": "months", "year": "years", "all": "looks"}
_MEANINGS = {p.full_name: p.meaning for p in PROPERTIES}


def message(kind: str, text: str, *, now: dt.datetime, is_synthetic: bool) -> Message:
    """A message ready to be sent: without secrets, marked where it is of made-up data, and of bounded length."""
    marked = f"[SYNTHETIC] {kind}: {text}" if is_synthetic else f"{kind}: {text}"
    return Message(kind, _clipped(printable_lines(redact(marked)), MOST_CHARACTERS), instant(now))


def instant(at: dt.datetime) -> str:
    """A time as the state has it: UTC, to the minute."""
    return at.astimezone(dt.UTC).strftime(INSTANT)


def failing(check: Check, details: Mapping[Place, Detail], ui_url: str) -> str:
    """A check that fails, on all of ``details``."""
    places = sorted(details)
    first = details[places[0]]
    found = f"{first.violation_count:,} of {first.looked_at:,} wrong" if first.looked_at else "it could look at nothing"
    on = f"on {label(check.scope, places[0])} " if len(places) > 1 else ""
    lines = [
        f"{check} (ERROR), {where(check.scope, places)}: {on}{found}; expected {_field(first.expected)}, "
        f"found {_field(first.actual)}",
        f"Which: {where('day', sorted(named))}" if (named := [d.toordinal() for d in first.named]) else "",
        f"What must hold: {_MEANINGS[str(check)]}" if str(check) in _MEANINGS else "",
        f"Repair: {_commands(commands(check.scope, details))}",
        run_link([first.run_id], ui_url),
    ]
    return "\n".join(filter(None, lines))


def failing_more(check: Check, days: Sequence[Place], detail: Detail, ui_url: str) -> str:
    """A look at all days that was failing, and names days that it did not name before."""
    lines = [
        f"{check} (ERROR), over all days: it was failing, and more days do: {where('day', sorted(days))}; expected "
        f"{_field(detail.expected)}, found {_field(detail.actual)}",
        f"Repair: {_commands([detail.repair])}",
        run_link([detail.run_id], ui_url),
    ]
    return "\n".join(filter(None, lines))


def cleared(check: Check, places: Sequence[Place], since: str) -> str:
    """A check that failed, and does not any more."""
    return f"{check} (ERROR), {where(check.scope, places)}; it was failing since {since}"


def accepted(check: Check, places: Sequence[Place], since: str, detail: Detail) -> str:
    """A check that still fails, and of which that is waived by now."""
    return (
        f"{check} (ERROR), {where(check.scope, places)}: it still fails, and a waiver accepts that until "
        f"{detail.waived_until}: {_field(detail.waiver)}; it was failing since {since}"
    )


def closed(check: Check, places: Sequence[Place], since: str, reason: str) -> str:
    """A check that failed of days that a person has closed since: it is looked at no more."""
    return (
        f"{check} (ERROR), {where(check.scope, places)}: unavailable, closed by a person: {_field(reason)}; "
        f"it was failing since {since}"
    )


def restated(changes: Sequence[Restatement], ui_url: str) -> str:
    """Neighbouring days that were final, and changed at the source."""
    days = sorted({change.settlement_date for change in changes})
    places = [day.toordinal() for day in days]
    lines = [f"{where('day', places)}, final before, changed at the source; what is stored follows it"]
    lines += [
        f"{c.settlement_date}: SO-flagged {c.old_curtailed_mwh:,.2f} → {c.new_curtailed_mwh:,.2f} MWh, "
        f"{pounds(c.old_payment_gbp)} → {pounds(c.new_payment_gbp)}; all bids {c.old_all_bids_mwh:,.2f} → "
        f"{c.new_all_bids_mwh:,.2f} MWh"
        for c in changes[:_MOST_RANGES]
    ]
    if len(changes) > _MOST_RANGES:
        lines.append(f"… and {len(changes) - _MOST_RANGES} more, in minerecon.restatements")
    lines.append(run_link([c.run_id for c in changes], ui_url))
    return "\n".join(filter(None, lines))


def run_failed(runs: Sequence[FailedRun], keys: Keys, ui_url: str) -> str:
    """Runs of one job that failed for good with the same error.

    Args:
        runs: the runs.
        keys: those of their partitions that nothing else tells of.
        ui_url: base of the links.
    """
    first = runs[0]
    counted = f" ({len(runs)} runs)" if len(runs) > 1 else ""
    unreadable = [text for run in runs for text in run.unfinished.unreadable]
    lines = [
        f"{first.title}{_of(keys)}{counted}: {_field(' '.join(first.why.split()))}",
        f"What it names as not done cannot be read in full: {_field('; '.join(unreadable))}" if unreadable else "",
        f"Repair: {_commands(_run_commands(first, keys))}",
        run_link([run.run_id for run in runs], ui_url),
    ]
    return "\n".join(filter(None, lines))


def run_made_good(failed: FailedRuns, how: str) -> str:
    """Failed runs whose work was done since."""
    runs = f"{failed.run_count} runs" if failed.run_count > 1 else "a run"
    return f"{failed.title}{_of(failed.keys)}: {how}; {runs} of it had failed, told {failed.told_at}"


def unreadable_run(run: UnreadableRun, ui_url: str) -> str:
    """A run that failed, and of which that is all that can be read."""
    who = "a run, it is not known which," if run.run_id is None else f"run {run.run_id}"
    lines = [
        f"{who} failed, and why cannot be read: {_field(' '.join(run.what.split()))}",
        "Repair: look at it in the UI under Runs; `minerecon status` says how all days stand",
        run_link([run.run_id], ui_url),
    ]
    return "\n".join(filter(None, lines))


def lost_memory(lost: Sequence[str]) -> str:
    """A cursor of which something could not be read."""
    return (
        f"what the alerts remembered cannot be read: {_field('; '.join(lost))}. What fails of it is told anew; runs "
        "that failed and days restated since the last good tick may be untold, and messages that waited are lost"
        "\nRepair: look under Runs in the UI; `minerecon status` says how all days stand"
    )


def reachable(since: str) -> str:
    """A warehouse that can be read again."""
    return f"the warehouse can be read again; it could not since {since}"


def unreachable(error: str) -> str:
    """A warehouse that cannot be read."""
    return (
        f"the warehouse cannot be read, so that what its checks say is not known, and nothing is told as cleared: "
        f"{_field(' '.join(error.split()))}\n"
        "Repair: start the database, or correct DATABASE_URL. Failed runs are told all the while"
    )


def where(scope: Scope, places: Sequence[Place]) -> str:
    """Places as a reader writes them."""
    if scope == "all":
        return "over all days"
    ranges = [span_text(label(scope, first), label(scope, last)) for first, last in spans(places)]
    counted = f"{len(places):,} {_UNIT[scope]}"
    if len(ranges) == 1:
        return ranges[0] if len(places) == 1 else f"{ranges[0]} ({counted})"
    more = f" and {len(ranges) - _MOST_RANGES:,} more ranges" if len(ranges) > _MOST_RANGES else ""
    return f"{counted}: {', '.join(ranges[:_MOST_RANGES])}{more}"


def commands(scope: Scope, details: Mapping[Place, Detail]) -> list[Repair]:
    """What repairs all of ``details``: one for a range where its days differ by nothing but the date."""
    found: list[Repair] = []
    for first, last in spans(details):
        of_each = {label(scope, place): details[place].repair for place in range(first, last + 1)}
        general, *others = {repair.general(key) for key, repair in of_each.items()}
        if scope == "day" and general.takes_a_range and not others:
            found.append(general.over(label(scope, first), label(scope, last)))
        else:
            found += of_each.values()
    return list(dict.fromkeys(found))


def run_link(run_ids: Sequence[str | None], ui_url: str) -> str:
    """Where to look at runs, a few of them at most; nothing where none is known."""
    known = list(dict.fromkeys(run_id for run_id in run_ids if run_id))
    shown = ", ".join(f"{ui_url}/runs/{run_id}" for run_id in known[:_MOST_COMMANDS])
    more = f" and {len(known) - _MOST_COMMANDS} more" if len(known) > _MOST_COMMANDS else ""
    return f"{'Run' if len(known) == 1 else 'Runs'}: {shown}{more}" if known else ""


def _run_commands(run: FailedRun, keys: Keys) -> list[Repair]:
    found = [_run_command(run, first, last) for first, last in keys]
    if found and all(found):
        return list(dict.fromkeys(filter(None, found)))
    if keys or run.job.startswith("__"):
        return [repairs.words("start it again from its page, when what it names is mended")]
    return [repairs.job(run.job)]


def _run_command(run: FailedRun, first: str, last: str) -> Repair | None:
    """What does again what a run did not do, over a range of days, months or years; None where no command does."""
    is_of_days = parts_of(((first, last),))[0][0] == "day"
    if run.job in (ROLL_UP_MONTHS, ROLL_UP_YEARS, VERIFY) and not is_of_days:
        return repairs.SWEEP
    again = repairs.REINGEST if run.asks else _AGAIN.get(run.job)
    return again and again.over(first, last)


def _commands(found: Sequence[Repair]) -> str:
    shown = "; ".join(f"`{_field(str(r))}`" if r.is_command else _field(str(r)) for r in found[:_MOST_COMMANDS])
    more = f"; and {len(found) - _MOST_COMMANDS:,} more, see `minerecon status`" if len(found) > _MOST_COMMANDS else ""
    return shown + more


def _of(keys: Keys) -> str:
    ranges = [span_text(first, last) for first, last in keys]
    more = f" and {len(ranges) - _MOST_RANGES:,} more ranges" if len(ranges) > _MOST_RANGES else ""
    return f" of {', '.join(ranges[:_MOST_RANGES])}{more}" if ranges else ""


def _field(value: str | None) -> str:
    """A text that others wrote. Secrets go before it is cut: a part of one would not be recognised."""
    return _clipped(printable(redact(value or "nothing")), _MOST_OF_A_FIELD)


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
