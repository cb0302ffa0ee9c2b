"""What a day's answers say: rows, control totals, the status of each period and the day's state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from threading import Lock
from typing import Any

from minerecon_dagster.core import calendar
from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.errors import MinereconError, SilentSourceError
from minerecon_dagster.core.settlement_run import newest, slots_of_the_first_run
from minerecon_dagster.core.spans import periods_text
from minerecon_dagster.core.states import (
    CONFIRMED_AFTER,
    LONGEST_PLAIN_SILENCE,
    DayJudgement,
    PeriodLook,
    Slot,
    SlotEvidence,
    Verdict,
    judge_day,
    judge_slots,
    slots_text,
)
from minerecon_dagster.elexon.datasets import (
    control_totals,
    dataset_of,
    of_the_day,
    required_control_totals,
)
from minerecon_dagster.elexon.datasets.base import Came, DayDataset, Said, SaidT
from minerecon_dagster.elexon.datasets.control_total import ControlTotal
from minerecon_dagster.elexon.datasets.stack import STACK, StackRow


class SaidWhenAsked(Mapping[str, Said]):
    """What each dataset says of a day, by its name: read when it is first asked for, in whatever thread.

    Of a day whose periods all have rows, nobody asks for what the day does not need until its rows are being stored.

    Args:
        came: what came of the day.
    """

    def __init__(self, came: Came) -> None:
        self._came = came
        self._datasets = {dataset.name: dataset for dataset in of_the_day()}
        self._known: dict[str, Said] = {}
        self._reading = Lock()

    def __getitem__(self, name: str) -> Said:
        with self._reading:
            if name not in self._known:
                self._known[name] = self._datasets[name].read(self._came)
            return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._datasets)

    def __len__(self) -> int:
        return len(self._datasets)

    def put(self, dataset: DayDataset[SaidT], says: SaidT) -> None:
        """Let a dataset say something else, which is known by what others say."""
        with self._reading:
            self._known[dataset.name] = says


@dataclass(frozen=True)
class DayReading:
    """A settlement day as its answers say it.

    Args:
        day: settlement date.
        sides: the sides of the stack that are read: that are fetched, and that are held and still hold.
        judgement: the day's state and the evidence for it.
        looks: status and time of every period and side that was asked for.
        answers: the answers of the stack by period and side.
        rows: rows of any unit by period and side, each once.
        errors: what went wrong, by period and side, as a user reads it.
        said: what each dataset says, by its name: `of` has it.
        confirmed: periods and sides in a long silence that is believed, since two looks confirmed it.
        made_at: of a day that is fetched after its re-run, when the newest row of each period and side was made; None
            where no row says so.
    """

    day: dt.date
    sides: tuple[StackSide, ...]
    judgement: DayJudgement
    looks: Mapping[Slot, PeriodLook]
    answers: Mapping[Slot, Answer]
    rows: Mapping[Slot, list[StackRow]]
    errors: Mapping[Slot, str]
    said: Mapping[str, Said]
    confirmed: tuple[Slot, ...]
    made_at: Mapping[Slot, dt.datetime | None]
    left_aside: str = ""

    @cached_property
    def reductions(self) -> dict[Slot, list[StackRow]]:
        """The rows that ask for less generation, of any unit, by period and side."""
        return {slot: [row for row in of_slot if row.is_reduction] for slot, of_slot in self.rows.items()}

    def of(self, dataset: DayDataset[SaidT]) -> SaidT:
        """What a dataset says of the day."""
        return dataset.of(self.said)

    @property
    def kept(self) -> dict[AnswerKey, tuple[int, ...]]:
        """The periods by answer that had rows, and came without any when last asked for: what was said before is kept,
        and is what the reading has.
        """
        return {key: periods for said in self.said.values() for key, periods in said.kept.items()}

    @property
    def control_errors(self) -> list[tuple[str, StackSide, str]]:
        """The control totals without which the day fails, and that are not known: which, of which side, and why."""
        return [
            (total.report, side, why)
            for total in required_control_totals()
            for side, why in sorted(self.of(total).errors.items())
        ]

    @property
    def waits_for_source(self) -> bool:
        """Whether nothing but Elexon's silence keeps the day, which is over, from being final, or from being seen.

        Every question was answered, and the answers lack rows that there must be, or a control total.
        """
        judgement = self.judgement
        if judgement.periods_due < judgement.periods_expected:
            return False
        answered = all(slot in self.rows for slot in judgement.failed)
        absent = {side for total in required_control_totals() for side in self.of(total).absent}
        if not answered or absent != set(judgement.controls_missing):
            return False
        lacks_control = bool(judgement.controls_missing) and judgement.state == "failing"  # and nobody accepts that
        return bool(self.kept or judgement.unpublished or lacks_control)

    def kept_text(self) -> str:
        """The answers that are silent where they had rows, as a reader writes them; empty where there are none."""
        stack = slots_text([(key.side, key.period) for key in self.kept if key.period and key.side])
        whole_days = [f"{key} {periods_text(periods)}" for key, periods in sorted(self.kept.items()) if not key.period]
        return "; ".join(filter(None, (stack, *whole_days)))

    def present_periods(self, side: StackSide) -> set[int]:
        """The periods that are present on ``side``: the ones that a control total is compared over."""
        return {p for p in range(1, self.judgement.periods_expected + 1) if self.is_present(side, p)}

    def is_present(self, side: StackSide, period: int) -> bool:
        """Whether the period is there on ``side``; on a side that is not fetched, on the sides that are."""
        sides = (side,) if side in self.sides else self.sides
        return all((look := self.looks.get((s, period))) and look.status in ("rows", "empty") for s in sides)

    def problem(self) -> str:
        """Why the day is failing, incomplete or provisional though it is over; in one line, empty where it is not.

        What is so for the same reason is told together, with the reason once.
        """
        whats: dict[str, list[str]] = {}
        for side in self.sides:
            for word, slots in (("failed", self.judgement.failed), ("unpublished", self.judgement.unpublished)):
                periods = [p for s, p in slots if s == side]
                if periods:
                    why = self.errors.get((side, min(periods)), "")
                    whats.setdefault(why, []).append(f"{side} periods {periods_text(periods)} {word}")
        for report, side, why in self.control_errors:
            whats.setdefault(why, []).append(f"control total ({report} {side})")
        parts = [", ".join(what) + (f": {why}" if why else "") for why, what in whats.items()]
        parts += [text] if (text := self.first_run_problem()) else []
        return "; ".join(parts)

    def first_run_problem(self) -> str:
        """Which periods are of Elexon's first run still, by their own rows; empty where none is."""
        early = self.judgement.first_run
        if not early:
            return ""
        latest = max(at for slot in early if (at := self.made_at[slot]) is not None)
        return (
            f"periods {periods_text([period for _, period in early])} are of the first run, not run again by Elexon: "
            f"newest row made {latest:%Y-%m-%d %H:%M} UTC"
        )


def read_day(
    day: dt.date,
    answers: Mapping[AnswerKey, Answer],
    failures: Mapping[AnswerKey, MinereconError],
    *,
    sides: tuple[StackSide, ...],
    now: dt.datetime,
    silent: Mapping[AnswerKey, Answer] | None = None,
    controls_waived: bool = False,
) -> DayReading:
    """Parse every answer and judge the day; an answer that is schema drift counts as failed.

    Where a person accepts that a control total does not come, the others say which periods are empty, and a period
    without rows of which none says anything is unpublished.

    Args:
        day: settlement date.
        answers: what came, new or carried over.
        failures: what did not come, and why.
        sides: the sides of the stack that are fetched.
        now: the time at which the answers were the latest.
        silent: answers that came after those of ``answers``, and lack rows that these have. Of a whole-day answer what
            they do have is taken.
        controls_waived: whether a person has accepted that the day is without its control totals.
    """
    came = Came(day, sides, answers, failures, silent or {})
    said = SaidWhenAsked(came)
    stack = STACK.of(said)
    evidence: dict[Slot, SlotEvidence] = {}
    for key in STACK.keys(sides, range(1, calendar.period_count(day) + 1)):
        assert key.side is not None
        slot = key.side, key.period
        if slot in stack.rows:
            count = len([row for row in stack.rows[slot] if row.is_acceptance])
            confirmed = not count and _is_confirmed(answers[key])
            evidence[slot] = SlotEvidence(count, calendar.is_due(day, key.period, now), confirmed)
        elif slot in stack.errors:
            evidence[slot] = SlotEvidence(None, calendar.is_due(day, key.period, now))
    for total in required_control_totals():
        for side, why in _silent_sides(total, evidence, said).items():
            said.put(total, total.of(said).without(side, str(SilentSourceError(why))))
    # Of a windy day, whose periods all have acceptances, nobody asks what the control totals have.
    quiet = any(not known.acceptance_count for known in evidence.values())
    periods = _control_periods(said, controls_waived=controls_waived) if quiet else {}
    verdict = judge_slots(evidence, sides=sides, control_periods=periods)
    looks = {
        slot: PeriodLook(
            # Where a person does without the control totals, what they would have to judge is not known, and no fault.
            "unpublished" if controls_waived and status == "failed" and slot in stack.rows else status,
            answers[key].fetched_at if (key := AnswerKey(STACK.name, *slot)) in answers else None,
            evidence[slot].acceptance_count or 0,
        )
        for slot, status in verdict.statuses.items()
    }
    errors = dict(stack.errors)
    for slot, look in looks.items():
        if look.status in ("failed", "unpublished") and slot not in errors and evidence[slot].is_due:
            errors[slot] = _why_absent(slot, look, answers[AnswerKey(STACK.name, *slot)], verdict, said)
    # Before the re-run all rows are of the first run, and the day is provisional by the clock.
    made_at = _made_at(stack.rows, said) if now > calendar.rerun_done_at(day) else {}
    first_run = slots_of_the_first_run(day, made_at)
    judgement = judge_day(
        day,
        looks,
        sides=sides,
        controls_missing=[side for total in required_control_totals() for side in total.of(said).errors],
        first_run=first_run,
        controls_waived=controls_waived,
        now=now,
    )
    of_stack = {(k.side, k.period): answer for k, answer in answers.items() if k.side and k.kind == STACK.name}
    return DayReading(day, sides, judgement, looks, of_stack, stack.rows, errors, said, verdict.confirmed, made_at)


_made = attrgetter("created_date_time")


def _made_at(rows: Mapping[Slot, list[StackRow]], said: Mapping[str, Said]) -> dict[Slot, dt.datetime | None]:
    """When the newest row of each period and side was made.

    Of the stack, or, where its rows do not say so, of the control totals, which are of the same run.
    """
    found = {slot: newest(map(_made, of_slot)) for slot, of_slot in rows.items() if of_slot}
    for total in control_totals():
        if None not in found.values():
            break
        of_total = total.made_at(total.of(said))
        found = {slot: at or of_total.get(slot) for slot, at in found.items()}
    return found


def silent_answers(
    held: DayReading, now: DayReading, asked: Mapping[AnswerKey, Answer]
) -> dict[AnswerKey, tuple[int, ...]]:
    """The answers that lack rows which are held, with the periods that they lack: silence, and no change.

    Args:
        held: what was known of the day.
        now: what it is with the answers of ``asked`` in place of those held.
        asked: the answers that came just now.
    """
    lacking = {key: dataset_of(key).lacks(key, answer, held, now) for key, answer in asked.items()}
    return {key: tuple(sorted(periods)) for key, periods in lacking.items() if periods}


def _is_confirmed(answer: Answer) -> bool:
    return answer.settled_at is not None and answer.fetched_at - answer.settled_at >= CONFIRMED_AFTER


def _control_periods(said: Mapping[str, Said], *, controls_waived: bool) -> dict[StackSide, set[int] | None]:
    """By side, the periods in which a control total has an amount of any unit; None where nothing says so.

    The required ones say so, and the others beside them; those alone only where a person accepts that a required one
    does not come.
    """
    found: dict[StackSide, set[int] | None] = {}
    for side in STACK_SIDES:
        known = [total for total in control_totals() if side in total.of(said).rows]
        enough = controls_waived and known
        if not enough and any(total not in known for total in required_control_totals()):
            found[side] = None
            continue
        found[side] = set().union(*(total.periods(total.of(said).rows[side]) for total in known))
    return found


def _silent_sides(
    silent: ControlTotal[Any], evidence: Mapping[Slot, SlotEvidence], said: Mapping[str, Said]
) -> dict[StackSide, str]:
    """The sides of which a whole-day total has nothing although there was something: no total, whatever its status."""
    found = {}
    for side, rows in silent.of(said).rows.items():
        if any(silent.has_amount(row) for row in rows):
            continue
        accepted = {p for (s, p), known in evidence.items() if s == side and known.is_due and known.acceptance_count}
        others = [(t.periods(t.of(said).rows.get(side, ())), t.report) for t in control_totals() if t is not silent]
        for periods, where in ((accepted, "the stack"), *others):
            if len(periods) > LONGEST_PLAIN_SILENCE:
                found[side] = f"it has no volume at all, and {where} has acceptances in {len(periods)} periods"
                break
    return found


def _why_absent(slot: Slot, look: PeriodLook, answer: Answer, verdict: Verdict, said: Mapping[str, Said]) -> str:
    side, period = slot
    if look.status == "failed":
        return f"HTTP {answer.status} without an acceptance, and no control total to say whether it is empty"
    totals = control_totals()
    if slot in verdict.silent:
        nowhere = " nor in ".join(["neither in the stack", *(total.report for total in totals)])
        beside = [f"; {text}" for dataset in of_the_day() if (text := dataset.beside(dataset.of(said), period))]
        return f"no acceptance of any unit, {nowhere}: Elexon is silent{''.join(beside)}"
    if any(period in total.periods(total.of(said).rows.get(side, ())) for total in totals):
        names = ", ".join(total.report for total in totals)
        return f"no acceptance, but the control totals ({names}) have volume: Elexon has not published it yet"
    other = next(s for s in STACK_SIDES if s != side)
    beside_it = verdict.statuses.get((other, period))
    if beside_it is not None and beside_it != "rows":
        return f"no acceptance, and the {other} side, which might say that this is right, is {beside_it} too"
    return (
        f"no acceptance in more than {LONGEST_PLAIN_SILENCE} periods in a row: not believed before two looks after the "
        f"re-run, {CONFIRMED_AFTER // dt.timedelta(hours=1)} h apart, have found it so"
    )
