"""What makes a failed run good: the table of kinds of work, and the look for what has happened since.

Clearing follows from what the failure was about. A day that was looked at since says nothing of a price, and a day
that was recalculated nothing of whether it could be fetched. ``python -m minerecon_dagster.alerts.clearing`` prints
the table of docs/operate/alerts.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME

from minerecon_dagster import asset_keys, jobs
from minerecon_dagster.alerts.runs import assets_of, keys_of, title_of
from minerecon_dagster.alerts.state import WHOLE, FailedRuns, Part, Place, label, parts_of
from minerecon_dagster.asset_keys import EXPORTS, INGESTED, LATEST_REPORT, MONTHLY_REPORT, PRICE
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Property, Scope

_MOST_RUNS = 300
"""So many of a job's latest good runs are looked at: a tick is 30 s after the one before, and remembers what it saw."""
_MOST_MATERIALIZATIONS = 1000

Evaluated = Mapping[tuple[str, Scope, int], dt.datetime]
"""When a property, by its full name, was last evaluated of a day, month or year."""


@dataclass(frozen=True)
class Work:
    """A kind of work, and what makes a failure of it good.

    Args:
        of: the assets that its job makes; none of a job of ops, which has none.
        evaluated: by day, month and year, a property that only this work, or work that does all of it, evaluates:
            once it was evaluated after the failure, whatever was found, its checks speak for the part.
        materialized: an asset of which a materialization after the failure is the work itself.
        by_good_run: whether a later good run over the part is enough. It is not where a run can be good without
            having brought anything.
        other_jobs: jobs without partitions of which a good run does all of it.
        words: what clears it, for the documentation.
    """

    words: str
    of: frozenset[dg.AssetKey] = frozenset()
    evaluated: Mapping[Scope, Property] = field(default_factory=dict)
    materialized: dg.AssetKey | None = None
    by_good_run: bool = True
    other_jobs: Sequence[str] = ()


_GOOD_RUN = "a later good run of it"
_SUMS: dict[Scope, Property] = {"month": c.SUMS_NOT_OLDER_THAN_PARTS, "year": c.SUMS_NOT_OLDER_THAN_PARTS}

WORKS: Mapping[str, Work] = {
    jobs.INGEST: Work(
        "day by day: an ingestion or a verification has evaluated `completeness.periods_fetched` of it since; "
        "a recalculation has not",
        of=INGESTED | {asset_keys.DIFFICULTY, *asset_keys.CALCULATIONS, asset_keys.BITCOIN_DAILY},
        evaluated={"day": c.PERIODS_FETCHED},
    ),
    jobs.RECALCULATE: Work(
        "day by day: `conservation.calculations_match_records` was evaluated since, by whatever run",
        of=frozenset({asset_keys.DIFFICULTY, *asset_keys.CALCULATIONS, asset_keys.BITCOIN_DAILY}),
        evaluated={"day": c.CALCULATIONS_MATCH_RECORDS},
    ),
    jobs.VERIFY: Work(
        "day by day: it was compared with Elexon since (`drift.source_unchanged`); a month or year whose sums "
        "it named: they were looked at since",
        evaluated={"day": c.SOURCE_UNCHANGED, **_SUMS},
    ),
    jobs.SPOT_FIX: Work(
        "a later good spot fix of the same period and unit, or its day was compared with Elexon since",
        evaluated={"day": c.SOURCE_UNCHANGED},
    ),
    jobs.ROLL_UP_MONTHS: Work(
        "month by month: its sums were looked at since (`rollups.sums_not_older_than_parts`)",
        of=frozenset({asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY}),
        evaluated=_SUMS,
    ),
    jobs.ROLL_UP_YEARS: Work(
        "year by year: its sums were looked at since (`rollups.sums_not_older_than_parts`)",
        of=frozenset({asset_keys.YEARLY, asset_keys.BITCOIN_YEARLY}),
        evaluated=_SUMS,
    ),
    jobs.ROLLUP_SWEEP: Work(_GOOD_RUN),
    jobs.REFRESH_PRICES: Work(
        "day by day: its price came since. A good run that brought no price of the day clears nothing",
        of=frozenset({PRICE}),
        materialized=PRICE,
        by_good_run=False,
    ),
    jobs.EXPORT_MONTHS: Work(
        "month by month: it was exported since, also by a good `export_sweep`",
        of=frozenset({EXPORTS}),
        materialized=EXPORTS,
        other_jobs=(jobs.EXPORT_SWEEP,),
    ),
    jobs.EXPORT_SWEEP: Work(
        f"of months that it named: each was exported since; otherwise {_GOOD_RUN}",
        materialized=EXPORTS,
        other_jobs=(jobs.EXPORT_SWEEP,),
    ),
    jobs.REPORT_MONTHS: Work(
        "month by month: its report was drawn since, also by a good `report_sweep`",
        of=frozenset({MONTHLY_REPORT}),
        materialized=MONTHLY_REPORT,
        other_jobs=(jobs.REPORT_SWEEP,),
    ),
    jobs.REPORT_SWEEP: Work(
        f"of months that it named: each was drawn since; otherwise {_GOOD_RUN}",
        materialized=MONTHLY_REPORT,
        other_jobs=(jobs.REPORT_SWEEP,),
    ),
    jobs.REPORT_LATEST: Work("the report was drawn since", of=frozenset({LATEST_REPORT}), materialized=LATEST_REPORT),
    jobs.BM_UNITS_REFRESH: Work(
        "a later good run of it; a day that used the register says nothing", of=frozenset({asset_keys.BM_UNITS})
    ),
    jobs.ACCEPT_REGISTER: Work("a later good run of it"),
    jobs.STANDING_INVENTORY: Work(_GOOD_RUN),
    jobs.PURGE_SUPERSEDED_RUNS: Work(_GOOD_RUN),
}
"""By the name of the job. A materialisation that is asked for by its assets is the works that make those."""


def works_of(job: str, assets: Iterable[str]) -> dict[str, Work]:
    """The works that a run of ``job`` does: that of the job, or, of a materialisation, those that make its assets.

    Nothing where the job is not known: then only a later good run of the same makes a failure good.
    """
    if job in WORKS:
        return {job: WORKS[job]}
    found = {}
    for asset in assets:
        key = dg.AssetKey.from_user_string(asset)
        # A calculation is in the work of a recalculation and of an ingestion: what does less comes first.
        making = sorted((name for name, work in WORKS.items() if key in work.of), key=lambda n: len(WORKS[n].of))
        if not making:
            return {}
        found[making[0]] = WORKS[making[0]]
    return found


@dataclass(frozen=True)
class _GoodRun:
    job: str
    title: str
    assets: frozenset[str]
    parts: frozenset[Part]
    began: dt.datetime


class Since:
    """What has happened since runs failed: asked for once a tick, however many runs failed.

    Args:
        instance: Dagster's.
        failed: all failed runs that were told: the earliest failure among them bounds what is read.
        evaluated: what the warehouse says; empty where it cannot be read.
        closed: the days that a person has closed: what a run did not do of them, nobody will.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        failed: Sequence[FailedRuns],
        evaluated: Evaluated,
        closed: Collection[Place] = (),
    ) -> None:
        self._instance = instance
        self._evaluated = evaluated
        self._closed = closed
        instants = [dt.datetime.fromisoformat(at) for runs in failed for at in runs.left.values()]
        self._since = min(instants, default=dt.datetime.max.replace(tzinfo=dt.UTC))
        self._partitions = list({label(*part) for runs in failed for part in runs.left})
        self._runs: dict[str, list[_GoodRun]] = {}
        self._made: dict[dg.AssetKey, dict[str | None, dt.datetime]] = {}

    def made_good(self, failed: FailedRuns) -> dict[Part, str]:
        """The parts of a failed run that were made good, each with how."""
        works = works_of(failed.job, failed.assets)
        good = {}
        for part, at in failed.left.items():
            failed_at = dt.datetime.fromisoformat(at)
            how = [self._how(work, part, failed_at) for work in works.values()]
            if part[0] == "day" and part[1] in self._closed:
                good[part] = "a person has closed what it left"
            elif how and all(how):
                good[part] = " and ".join(dict.fromkeys(filter(None, how)))
            elif self._was_run(failed, works, part, failed_at):
                good[part] = "a later run of it succeeded"
        return good

    def _how(self, work: Work, part: Part, failed_at: dt.datetime) -> str | None:
        scope, place = part
        checked = work.evaluated.get(scope)
        if checked is not None:
            seen = self._evaluated.get((checked.full_name, scope, place))
            if seen is not None and seen > failed_at:
                return f"every {scope} of it was looked at since, and its checks say how it is"
        if work.materialized is not None:
            made = self._materialized(work.materialized).get(None if part == WHOLE else label(scope, place))
            if made is not None and made > failed_at:
                return "the prices came since" if work.materialized == PRICE else "it was made since"
        return None

    def _was_run(self, failed: FailedRuns, works: Mapping[str, Work], part: Part, failed_at: dt.datetime) -> bool:
        if part != WHOLE and not all(work.by_good_run for work in works.values()):
            return False
        sweeps = [set(work.other_jobs) for work in works.values()]
        for job in set.intersection(*sweeps) if sweeps else ():
            if any(run.began >= failed_at for run in self._good_runs(job)):
                return True
        again = (run for run in self._of_the_same(failed, works) if run.began >= failed_at)
        return any(part in run.parts or part == WHOLE for run in again)

    def _of_the_same(self, failed: FailedRuns, works: Mapping[str, Work]) -> list[_GoodRun]:
        """Good runs that made at least what the failed one was to make; of jobs of ops those of the same name."""
        needed = set(failed.assets) or {key.to_user_string() for work in works.values() for key in work.of}
        if not needed:
            return [run for run in self._good_runs(failed.job) if run.title == failed.title]
        asked = dict.fromkeys([failed.job, *works, IMPLICIT_ASSET_JOB_NAME])
        return [run for job in asked for run in self._good_runs(job) if needed <= run.assets]

    def _good_runs(self, job: str) -> list[_GoodRun]:
        if job not in self._runs:
            records = self._instance.get_run_records(
                dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], updated_after=self._since),
                limit=_MOST_RUNS,
            )
            self._runs[job] = [
                _GoodRun(
                    job,
                    title_of(record.dagster_run),
                    frozenset(assets_of(record.dagster_run)) or _all_assets(job),
                    frozenset(parts_of(keys_of(record.dagster_run))),
                    dt.datetime.fromtimestamp(record.start_time, dt.UTC),
                )
                for record in records
                if record.start_time
            ]
        return self._runs[job]

    def _materialized(self, asset: dg.AssetKey) -> dict[str | None, dt.datetime]:
        if asset not in self._made:
            records = self._instance.fetch_materializations(
                dg.AssetRecordsFilter(
                    asset_key=asset,
                    asset_partitions=None if asset == LATEST_REPORT else self._partitions,
                    after_timestamp=self._since.timestamp(),
                ),
                limit=_MOST_MATERIALIZATIONS,
            ).records
            made: dict[str | None, dt.datetime] = {}
            for record in records:  # newest first
                made.setdefault(record.partition_key, dt.datetime.fromtimestamp(record.timestamp, dt.UTC))
            self._made[asset] = made
        return self._made[asset]


def _all_assets(job: str) -> frozenset[str]:
    return frozenset(key.to_user_string() for key in WORKS[job].of) if job in WORKS else frozenset()


def table() -> str:
    """The kinds of work as the Markdown table of docs/operate/alerts.md."""
    lines = ["| what failed | what clears it |", "|---|---|"]
    lines += [f"| `{job}` | {work.words} |" for job, work in WORKS.items()]
    lines.append("| assets that were chosen in the UI | what clears each of the works that make them |")
    return "\n".join(lines)
