"""Verify stored days against themselves and against Elexon, and repair them.

A look evaluates every property of a stored day, and compares the day with what Elexon answers now. A
repair is the worker's ordinary ingestion, from Elexon or from the archive: there is no second path. Every
look and every repair leaves a row in ``verifications``.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster.core import checks as c
from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.calendar import StackSide, due_periods, period_count, settlement_date
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import ArchiveError, ConfigurationError, DayFailedError, MinereconError, one_line
from minerecon_dagster.core.register import Register
from minerecon_dagster.core.repairs import REFETCH, REFRESH_REGISTER, REINGEST, VERIFY
from minerecon_dagster.core.sampling import draws
from minerecon_dagster.day.build import record_results
from minerecon_dagster.day.later import LaterReport
from minerecon_dagster.day.worker import DayReport, Worker
from minerecon_dagster.decisions.unavailable import Unavailable
from minerecon_dagster.elexon.fetch import read_archived
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster.register.answers import units_of
from minerecon_dagster.register.store import RegisterReport, load_register, record_register
from minerecon_dagster.verify.compare import (
    Comparison,
    RegisterLook,
    Source,
    StoredContents,
    elexon_not_silent,
    offers_and_output_unchanged,
    read_stored,
    register_unchanged,
    source_unchanged,
)
from minerecon_dagster.verify.record import (
    LATEST_ATTEMPT,
    MISSING,
    REBUILT,
    REFETCHED,
    Order,
    Outcome,
    Problem,
    Verification,
    has_changed,
    keep,
    problems_of,
)
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.store import statement

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.elexon.archive import Archive
    from minerecon_dagster.elexon.client import ElexonClient

_log = logging.getLogger(__name__)


class _Step(NamedTuple):
    """One way to repair: how it reads, and how `Worker.ingest` is called."""

    says: str
    fetch: bool = True
    force: bool = False


_INGEST = _Step("ingested")
_FETCH = _Step("fetched again", force=True)
_REBUILD = _Step("rebuilt from the archive", fetch=False)


class _Refusal(NamedTuple):
    """Why a day that a repair might mend is left as it is."""

    says: str
    outcome: Outcome


@dataclass(frozen=True)
class _Look:
    """What a look at a day found; ``unseen`` says why not all of it could be looked at."""

    stored: StoredContents | None
    results: Sequence[Result]
    problems: Sequence[Problem]
    source: Source | None = None
    comparison: Comparison | None = None
    unseen: str | None = None


@dataclass
class _Repair:
    """What was done to a day: the steps that were taken, what followed the day, and what went wrong."""

    done: list[str] = field(default_factory=list)
    report: DayReport | None = None
    followed: list[LaterReport] = field(default_factory=list)
    asked: bool = False
    errors: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


class Verifier:
    """Looks at days, and repairs them through a worker.

    Args:
        engine: the warehouse, at the code's revision.
        worker: does the checks and the repairs.
        archive: the raw archive.
        open_client: gives the Elexon client, the same one at every call.
        source_url: the base URL that the client asks.
        sides: sides of the stack that are fetched.
        now: the clock.
        run_id: the Dagster run, for the record.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        worker: Worker,
        archive: Archive,
        open_client: Callable[[], ElexonClient],
        source_url: str,
        sides: tuple[StackSide, ...],
        now: Callable[[], dt.datetime],
        run_id: str | None,
    ) -> None:
        self.register_report: RegisterReport | None = None
        """What a new register brought; None where it was not taken over."""
        self._engine = engine
        self._worker = worker
        self._archive = archive
        self._client = open_client
        self._source_url = source_url
        self._sides = sides
        self._now = now
        self._run_id = run_id
        self._register = Register([])
        self._register_result: Result | None = None
        self._outage: str | None = None
        self._days_repaired = 0

    def verify(self, days: Sequence[dt.date], order: Order) -> Iterator[Verification]:
        """Look at each day, and repair it where that is asked for.

        Elexon's register is compared once, with the versions in force; a repair takes it over as the asset
        ``bm_units`` does.

        Args:
            days: settlement dates, ascending.
            order: what to do.

        Raises:
            ConfigurationError: nothing can be done; no further day is looked at.
        """
        if draws(order.sampling):
            order = replace(order, seed=secrets.randbelow(2**31) if order.seed is None else order.seed)
            _log.info("periods are drawn with --seed %d", order.seed)
        self._prepare(days)
        self._look_at_register(days, mend=order.action != "verify")
        for day in days:
            yield self._kept(day, order.action, order, lambda: self._verify_day(day, order))  # noqa: B023 - done here

    def spot_fix(self, day: dt.date, period: int, bmu_id: str, *, requested_by: str) -> Verification:
        """Fetch one settlement period again, and rebuild its day; the other answers are carried over.

        Args:
            day: settlement date.
            period: settlement period, counted from 1.
            bmu_id: the wind unit for which it is done.
            requested_by: who or what asks, for the record.

        Raises:
            ConfigurationError: the day has no such period, or the register no such wind unit on that day.
        """
        if not 1 <= period <= period_count(day):
            raise ConfigurationError(f"{day} has settlement periods 1 to {period_count(day)}, not {period}")
        self._prepare([day])
        if bmu_id not in self._register.wind_units(day):
            unit = self._register.in_force(bmu_id, day)
            problem = f"has fuel type {unit.fuel_type or 'none'}" if unit else "is not in the register"
            raise ConfigurationError(
                f"{bmu_id} {problem} on {day}: no wind unit; it is written as in T_SGRWO-1, and the register is "
                f"fetched again by: {REFRESH_REGISTER}"
            )
        order = Order(requested_by=requested_by)
        return self._kept(day, "spot-fix", order, lambda: self._spot_fix(day, period, bmu_id))

    def _spot_fix(self, day: dt.date, period: int, bmu_id: str) -> Verification:
        if (entry := self._worker.closed(day)) is not None:
            return _unavailable(day, "spot-fix", entry)
        before = read_stored(self._engine, day)
        repair = self._repair(
            day, [_Step(f"period {period} fetched again, all units of it, for {bmu_id}")], periods={period}
        )
        after = read_stored(self._engine, day)
        results = repair.report.results if repair.report is not None else repair.results
        left = problems_of(results)
        still_wrong = any(p.is_mendable or p.severity == "ERROR" for p in left)
        nothing_new: Outcome = "repaired" if has_changed(before, after) else "right in part"
        outcome: Outcome = "not repaired" if still_wrong else nothing_new
        return Verification(
            day=day,
            action="spot-fix",
            outcome="failed" if repair.errors else outcome,
            results=results,
            problems=[],
            problems_left=left,
            before=before,
            after=after,
            periods=[period],
            repair=", ".join(repair.done) or None,
            error="; ".join(repair.errors) or None,
            report=repair.report,
            followed=repair.followed,
        )

    def _kept(self, day: dt.date, action: str, order: Order, work: Callable[[], Verification]) -> Verification:
        """Do the work on a day, measure it, and put it on record, whatever comes of it."""
        started_at, started = self._now(), time.perf_counter()
        requests = self._client().stats.snapshot().requests
        try:
            found = work()
        except ConfigurationError:
            raise
        except (MinereconError, SQLAlchemyError) as error:
            # One day's failure is its own: the others go on.
            found = Verification(day, action, "failed", results=(), problems=(), error=one_line(error))
        found = replace(
            found,
            requests=self._client().stats.snapshot().requests - requests,
            seconds=time.perf_counter() - started,
        )
        with self._engine.begin() as connection:
            keep(connection, found, order, started_at=started_at, finished_at=self._now(), run_id=self._run_id)
        return found

    def _prepare(self, days: Sequence[dt.date]) -> None:
        self._worker.prepare(days, from_archive=False)
        with self._engine.connect() as connection:
            refuse_to_mix(connection, synthetic=is_synthetic(self._source_url))
            self._register = load_register(connection)

    def _look_at_register(self, days: Sequence[dt.date], *, mend: bool) -> None:
        today = settlement_date(self._now())
        look = RegisterLook(self._register.wind_units(today))
        try:
            answer = self._client().fetch_register()
            look = RegisterLook(look.in_force, units_of(answer))
            if mend and look.differences():
                self.register_report = record_register(self._engine, self._archive, answer, now=self._now())
                self._prepare(days)
                look = RegisterLook(self._register.wind_units(today), look.answer)
        except ConfigurationError:
            raise
        except MinereconError as error:
            # It fails its own check, and no day: a day is looked at by the versions in force.
            look = replace(look, error=str(error))
        self._register_result = register_unchanged(look)

    def _verify_day(self, day: dt.date, order: Order) -> Verification:
        if (entry := self._worker.closed(day)) is not None:
            return _unavailable(day, order.action, entry)
        look = self._look(day, order)
        found = Verification(
            day=day,
            action=order.action,
            outcome="failed" if look.unseen else "wrong" if look.problems else _right(look),
            results=look.results,
            problems=look.problems,
            before=look.stored,
            comparison=look.comparison,
            periods=look.comparison.periods if look.comparison is not None else (),
            error=look.unseen,
        )
        steps = self._steps(look, order)
        if not steps:
            if order.action != "verify" and look.comparison is not None and look.comparison.silent and not look.unseen:
                # Counted as tried, so that a day on which Elexon stays silent is left to a person in the end.
                return replace(found, outcome="not repaired", error=elexon_not_silent(look.comparison).actual)
            return found
        if order.action == "fix" and (refusal := self._refusal(day, order)):
            return replace(found, outcome=refusal.outcome, error=refusal.says)
        self._days_repaired += 1
        repair = self._repair(day, steps, accept_restatement=order.accept_restatement)
        after = self._look_again(look, repair, day)
        return replace(
            found,
            outcome=_outcome(look, repair, after),
            results=after.results,
            problems_left=after.problems,
            after=after.stored,
            repair=", ".join(repair.done) or None,
            error="; ".join([*repair.errors, *([after.unseen] if after.unseen else [])]) or None,
            report=repair.report,
            followed=repair.followed,
        )

    def _look(self, day: dt.date, order: Order) -> _Look:
        stored = read_stored(self._engine, day)
        if stored is None:
            # No property of the day was evaluated, and none is recorded: a look would make a day that nobody wants one
            # that fails. If it was tried before, that is on record already.
            missing = Problem(MISSING, "ERROR", "a stored day", "nothing is stored", 1, REINGEST.over(day))
            return _Look(None, [], [missing])
        results = self._check(day)
        # What a look has found is not outdone by one that sees less: such a day is looked at whole.
        sampling = "full" if self._found_different(day) else order.sampling
        if sampling != order.sampling:
            _log.info(
                "%s: looked at whole, since it was found to differ from Elexon's answers when last looked at", day
            )
        source = Source(
            day,
            client=self._client(),
            sides=self._sides,
            wind_units=self._register.wind_units(day),
            held=self._held(day),
            comparable=self._comparable(day, stored),
            sampling=sampling,
            seed=order.seed or 0,
            controls_waived=self._worker.is_control_total_waived(day),
        )
        if self._outage is not None:
            comparison = source.not_asked(stored, self._outage)
        else:
            comparison = source.look(lambda: self._stored(day))
            if not source.has_answered and comparison.unseen:
                why = comparison.unseen[0]["error"]
                self._outage = f"not asked, since of {day} no question was answered: {why}"
        return self._seen(day, stored, results, source, comparison)

    def _look_again(self, first: _Look, repair: _Repair, day: dt.date) -> _Look:
        """Look at a day after its repair, and at what of Elexon was looked at before."""
        stored = read_stored(self._engine, day)
        if repair.report is None or stored is None:
            # Nothing was replaced: what the first look found stands, and with it what the attempt met.
            met = {r.checked: r for r in repair.results}
            results = [met.pop(r.checked, r) for r in first.results] + list(met.values())
            problems = [*problems_of(results), *(p for p in first.problems if p.name in (MISSING, LATEST_ATTEMPT))]
            return replace(first, stored=stored, results=results, problems=problems)
        results = self._check(day)
        if first.source is None:
            # A missing day's answers came a moment ago, and its ingestion has compared them itself.
            results += [r for r in repair.report.results if r.checked.family == c.SOURCE_UNCHANGED.family]
            return _Look(stored, results, [*problems_of(results), *self._latest_attempt(day)])
        if repair.asked:
            comparison = first.source.look_again(lambda: self._stored(day), self._held(day))
        else:
            comparison = first.source.compare(stored)
        return self._seen(day, stored, results, first.source, comparison, before=first.comparison)

    def _seen(
        self,
        day: dt.date,
        stored: StoredContents,
        results: list[Result],
        source: Source,
        comparison: Comparison,
        *,
        before: Comparison | None = None,
    ) -> _Look:
        drift = []
        if comparison.looked_at or comparison.silent:
            drift.append(elexon_not_silent(comparison))
        if comparison.looked_at or comparison.unseen or not comparison.silent:
            # Where Elexon is silent on all that was asked, nothing is known to have changed, or not to have.
            drift.append(source_unchanged(comparison))
        if comparison.more_looked_at:
            drift.append(offers_and_output_unchanged(comparison))
        if (register := self._register_result) is not None:
            # A new register alone turns no day green: the day has to be looked at again.
            drift.append(replace(register, repair=register.checked.repair_of(day)))
        # Where part of it could not be seen, being the same in the rest is no news of what was found to differ. After a
        # repair that is as much as the look before it has seen: what stood before made that a look at all of the day.
        sees_enough = comparison.is_whole or (before is not None and before.periods == comparison.periods)
        still = [] if sees_enough and not comparison.silent and not comparison.unseen else self._found_different(day)
        stands = {problem.name for problem in still}
        drift = [r for r in drift if r.checked.full_name not in stands or _found_something(r)]
        drift = self._worker.accepted(day, drift)
        self._record(day, drift)
        unseen = None
        if comparison.unseen:
            first = comparison.unseen[0]
            unseen = f"{len(comparison.unseen)} answers could not be looked at; {first['answer']}: {first['error']}"
        found = problems_of([*results, *drift])
        still = [problem for problem in still if problem.name not in {p.name for p in found}]
        problems = [*found, *still, *self._latest_attempt(day)]
        return _Look(stored, [*results, *drift], problems, source, comparison, unseen)

    def _check(self, day: dt.date) -> list[Result]:
        try:
            return list(self._worker.check(day))
        except ConfigurationError:
            raise
        except (ArchiveError, DayFailedError) as error:
            # What could not be evaluated is on record as failed; Elexon can be asked all the same.
            return list(getattr(error, "results", ()))

    def _held(self, day: dt.date) -> DayReading | None:
        try:
            archived = self._archive.newest(day)
        except ConfigurationError:
            raise
        except ArchiveError:
            return None  # the day's own checks say so
        waived = self._worker.is_control_total_waived(day)
        return read_archived(archived, self._sides, controls_waived=waived) if archived is not None else None

    def _comparable(self, day: dt.date, stored: StoredContents) -> tuple[int, ...]:
        """The periods that Elexon should have; of a day in progress, should have had when it was stored."""
        now = self._now()
        due = due_periods(day, now)
        return due[: stored.figures.periods_due] if day == settlement_date(now) else due

    def _stored(self, day: dt.date) -> StoredContents:
        stored = read_stored(self._engine, day)
        if stored is None:
            raise DayFailedError(f"{day}: it was deleted while it was looked at; try again: {VERIFY.over(day)}")
        return stored

    def _found_different(self, day: dt.date) -> list[Problem]:
        """What the latest look at the day has found to differ from Elexon's answers, and stands on record."""
        known = {p.full_name: p for p in (c.SOURCE_UNCHANGED, c.ELEXON_NOT_SILENT, c.OFFERS_AND_OUTPUT_UNCHANGED)}
        with self._engine.connect() as connection:
            rows = connection.execute(statement("verify/found_different"), {"day": day}).all()
        return [
            Problem(r.property, r.severity, r.expected, r.actual, r.violation_count, known[r.property].repair_of(day))
            for r in rows
            if r.property in known
        ]

    def _latest_attempt(self, day: dt.date) -> list[Problem]:
        with self._engine.connect() as connection:
            failed = connection.execute(statement("verify/latest_attempt"), {"day": day}).one()
        if not failed.answers:
            return []
        return [Problem(LATEST_ATTEMPT, "ERROR", "every answer", failed.first_error, failed.answers, REFETCH.over(day))]

    def _steps(self, look: _Look, order: Order) -> Sequence[_Step]:
        """How to repair what a look found; empty where nothing is to be done, or a person has to do it."""
        if order.action == "verify":
            return ()
        if order.action == "force-fix":
            return (_FETCH,)
        names = {p.name for p in look.problems}
        if MISSING in names:
            return (_INGEST,)
        assert look.comparison is not None
        assert look.source is not None
        silent = {c.SOURCE_NOT_SILENT.full_name, c.ELEXON_NOT_SILENT.full_name}
        compared = {c.SOURCE_UNCHANGED.full_name, c.OFFERS_AND_OUTPUT_UNCHANGED.full_name}
        fetch = bool(names & {*REFETCHED, LATEST_ATTEMPT} - compared - silent)
        # What was silent is asked for again once it is not: a silence brings nothing.
        fetch = fetch or (c.SOURCE_NOT_SILENT.full_name in names and not look.comparison.silent)
        rebuild = bool(names & REBUILT)
        if look.comparison.differs:
            if look.source.archive_agrees(look.comparison):
                rebuild = True
            else:
                fetch = True
        # Where Elexon answered none of a few questions, it is not asked a hundred.
        steps = [_FETCH] if fetch and look.comparison.looked_at else []
        return [*steps, _REBUILD] if rebuild else steps

    def _refusal(self, day: dt.date, order: Order) -> _Refusal | None:
        if order.most_days and self._days_repaired >= order.most_days:
            return _Refusal(f"not repaired: this run has repaired {order.most_days} days, as many as it may", "wrong")
        if order.most_attempts:
            with self._engine.connect() as connection:
                in_vain = connection.execute(statement("verify/failed_repairs"), {"day": day}).scalar_one()
            if in_vain >= order.most_attempts:
                return _Refusal(f"left to a person: {in_vain} repairs by itself did not mend it", "not repaired")
        return None

    def _repair(
        self,
        day: dt.date,
        steps: Sequence[_Step],
        periods: set[int] | None = None,
        accept_restatement: str | None = None,
    ) -> _Repair:
        repair = _Repair()
        for step in steps:
            if repair.report is not None and not any(p.name in REBUILT for p in problems_of(repair.report.results)):
                break  # fetched again, and with that written anew
            ((_, outcome),) = self._worker.ingest(
                [day],
                fetch=step.fetch,
                force=step.force,
                periods=periods,
                accept_restatement=accept_restatement,
            )
            if isinstance(outcome, DayReport):
                repair.done.append(step.says)
                repair.report = outcome
                repair.asked = repair.asked or outcome.request_count > 0
            else:
                repair.errors.append(one_line(outcome))
                repair.results += getattr(outcome, "results", ())
        if repair.report is not None:
            # What comes later goes by what the day says: it follows the day at once, and asks for nothing.
            repair.followed += self._worker.later(day, fetch=False)
        return repair

    def _record(self, day: dt.date, results: Sequence[Result]) -> None:
        with self._engine.begin() as connection:
            record_results(connection, day, results, now=self._now(), run_id=self._run_id)


def _found_something(result: Result) -> bool:
    """Whether a comparison has found anything, rather than nothing, or that it could not look."""
    return any("could_not_look_at" not in violation for violation in result.violations)


def _unavailable(day: dt.date, action: str, entry: Unavailable) -> Verification:
    """A day that a person has closed is not looked at: there is nothing to compare, and nothing is asked."""
    why = f"closed by a person: {entry}"
    return Verification(day, action, "unavailable", results=(), problems=(), error=why)


def _outcome(before: _Look, repair: _Repair, after: _Look) -> Outcome:
    """How a verification ended that repaired."""
    if repair.errors or after.unseen:
        return "failed"
    if any(p.is_mendable or p.severity == "ERROR" for p in after.problems):
        return "not repaired"
    if any(p.is_mendable for p in before.problems):
        return "repaired"
    # What was fetched again whole was compared whole as it was written.
    return "wrong" if after.problems else "right" if repair.asked else _right(after)


def _right(look: _Look) -> Outcome:
    """How a look ended that found nothing wrong: right only if it looked at everything."""
    return "right" if look.comparison is not None and look.comparison.is_whole else "right in part"
