"""`minerecon verify` and `minerecon spot-fix`: days compared with Elexon and repaired, by running the Dagster jobs."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from minerecon_dagster.cli.days import sums_that_wait, update_sums
from minerecon_dagster.cli.environment import require_days_of_the_sample, services
from minerecon_dagster.cli.lines import print_json, say
from minerecon_dagster.cli.options import DAY, DAYS_ARE, json_option, sample_option
from minerecon_dagster.cli.outcome import MOST_DAYS_SHOWN, Outcome, asker, days_between, interruptible, outcome_of
from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.repairs import REFRESH_REGISTER, Repair, of_day, parse
from minerecon_dagster.core.sampling import SAMPLINGS
from minerecon_dagster.core.spans import spans

if TYPE_CHECKING:
    from minerecon_dagster.settings import Settings

MOST_ROWS_SHOWN = 20
"""Of more periods or units that differ a terminal shows the first; ``--json`` and the table have all."""

_Row = Mapping[str, Any]
_SPOT_FIX = "spot-fix"


@click.command(epilog=DAYS_ARE)
@click.argument("first", metavar="DATE", type=DAY)
@click.argument("last", metavar="[TO]", type=DAY, required=False)
@click.option(
    "--action",
    type=click.Choice(["verify", "fix", "force-fix"]),
    default="verify",
    show_default=True,
    help="verify: look. fix: repair what is wrong. force-fix: fetch the day again in any case.",
)
@click.option(
    "--sampling",
    type=click.Choice(SAMPLINGS),
    default="full",
    show_default=True,
    help="Which periods are compared with Elexon. full: the whole-day control totals, then all. controls: all, where "
    "a control total differs. progressive: 1, 12, 24, 36 and the last, and 10 more if one differs. random: 10. "
    "fixed: 1, 12, 24, 36 and the last. After any but full what is found right is right in part.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Draw the random periods that this number gives.")
@click.option(
    "--accept-restatement",
    is_flag=True,
    help="A repair takes what Elexon says of a final day though it loses too much of its energy, units or money to be "
    "believed. It is on record that you did.",
)
@sample_option
@json_option
def verify(
    first: dt.datetime,
    last: dt.datetime | None,
    action: str,
    sampling: str,
    seed: int | None,
    accept_restatement: bool,
    sample: bool,
    as_json: bool,
) -> None:
    """Check the days DATE to TO, compare them with what Elexon answers now, and repair them if that is asked for."""
    from minerecon_dagster.jobs import VERIFY, VERIFY_OP

    days = days_between(first.date(), (last or first).date())
    if accept_restatement and action == "verify":
        raise click.UsageError("--accept-restatement goes with --action fix or force-fix: a look takes nothing")
    config: dict[str, Any] = {"action": action, "sampling": sampling, "seed": seed, "requested_by": "minerecon verify"}
    if accept_restatement:
        config |= {"accept_restatement": True, "requested_by": asker("minerecon verify")}
    options = [
        *(["--action", action] if action != "verify" else []),
        *(["--sampling", sampling] if sampling != "full" else []),
        *(["--seed", str(seed)] if seed is not None else []),
        *(["--accept-restatement"] if accept_restatement else []),
    ]
    require_days_of_the_sample(days, sample=sample)
    with services(sample=sample) as settings, interruptible(days, "verify", options):
        sys.exit(_run(settings, VERIFY, VERIFY_OP, days, config, as_json=as_json))


@click.command(_SPOT_FIX, epilog=DAYS_ARE)
@click.argument("day", metavar="DATE", type=DAY)
@click.argument("period", type=click.IntRange(1, 50))
@click.argument("bmu")
@sample_option
@json_option
def spot_fix(day: dt.datetime, period: int, bmu: str, sample: bool, as_json: bool) -> None:
    """Fetch one settlement PERIOD of DATE again for the unit BMU, and rebuild the day.

    The day's other answers are carried over; BMU is a wind unit, as in T_SGRWO-1.
    """
    from minerecon_dagster.jobs import SPOT_FIX, SPOT_FIX_OP

    days = days_between(day.date(), day.date())
    if period > period_count(days[0]):
        raise click.UsageError(f"{days[0]} has settlement periods 1 to {period_count(days[0])}, not {period}")
    config = {"period": period, "bmu": bmu, "requested_by": "minerecon spot-fix"}
    require_days_of_the_sample(days, sample=sample)
    with services(sample=sample) as settings, interruptible(days, "spot-fix", goes_on_by_itself=True):
        _require_wind_unit(settings, bmu, days[0])
        sys.exit(_run(settings, SPOT_FIX, SPOT_FIX_OP, days, config, as_json=as_json))


def _require_wind_unit(settings: Settings, bmu: str, day: dt.date) -> None:
    """Refuse a unit that no stored register has as wind: a slip, of which no run and no alert need tell.

    Raises:
        click.UsageError: there is no such wind unit. Of one that may be wind and is not counted it says so.
    """
    from minerecon_dagster.register.store import WIND_UNITS_MAPPED, load_register
    from minerecon_dagster.warehouse.warehouse import Warehouse

    assert settings.database_url is not None
    with Warehouse.open(settings.database_url) as warehouse, warehouse.connection() as connection:
        register = load_register(connection)
    known = register.ever_wind
    # Of an empty register nothing can be said: the run fetches it first.
    if not known or bmu in known:
        return
    suspect = register.suspects([bmu], day).get(bmu)
    if suspect is not None and suspect.reason == "unmapped":
        raise click.UsageError(
            f"the register has {bmu}, but not with wind as its fuel type, so it is not counted and there is nothing of "
            f"it to fetch again: {WIND_UNITS_MAPPED.repair}; or review it: docs/operate/checks.md, Reviewed units"
        )
    near = get_close_matches(bmu.upper(), sorted(known), n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    what = f"the stored register has no unit {bmu}" if suspect else f"{bmu} is no wind unit of the stored register"
    raise click.UsageError(f"{what}: a unit is written as in T_SGRWO-1{hint} (new since? {REFRESH_REGISTER})")


def _run(
    settings: Settings,
    job: str,
    op: str,
    days: Sequence[dt.date],
    config: dict[str, Any],
    *,
    as_json: bool,
) -> int:
    """Run the job over the days, bring the sums of what it repaired up to date, and print what is on record."""
    from minerecon_dagster.cli.dagster_run import execute

    config = {name: value for name, value in config.items() if value is not None}
    outcome = outcome_of(execute(job, str(days[0]), str(days[-1]), {"ops": {op: {"config": config}}}))
    rows = _read(settings, outcome.run_ids)
    repaired = [row["settlement_date"] for row in rows if row["repair"]]
    if repaired:
        outcome = outcome.joined(update_sums(settings, repaired))
    outcome.not_done = sums_that_wait(settings, days) | outcome.not_done
    return _report(rows, outcome, as_json=as_json)


def _read(settings: Settings, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What the runs put on record."""
    from sqlalchemy import select

    from minerecon_dagster.warehouse.tables import verifications as table
    from minerecon_dagster.warehouse.warehouse import Warehouse

    assert settings.database_url is not None
    with Warehouse.open(settings.database_url) as warehouse, warehouse.connection() as connection:
        found = connection.execute(select(table).where(table.c.run_id.in_(run_ids)).order_by(table.c.verification_id))
        return [dict(row._mapping) for row in found]


def _left(row: _Row) -> list[_Row]:
    """What is wrong with a day now."""
    return list(row["problems"] if row["problems_left"] is None else row["problems_left"])


def _report(rows: Sequence[_Row], outcome: Outcome, *, as_json: bool) -> int:
    """Print what was found and what changed; return the exit code."""
    days = {str(row["settlement_date"]) for row in rows}
    sums = {key: why for key, why in outcome.not_done.items() if key not in days}
    wrong = bool(outcome.stopped_by or sums) or not rows
    wrong = wrong or any(_left(row) or row["outcome"] == "failed" for row in rows)
    if as_json:
        found = {
            "ok": not wrong,
            "run_ids": outcome.run_ids,
            "verifications": [_plain(row) for row in rows],
            "not_done": outcome.not_done,
            "error": outcome.stopped_by,
        }
        print_json(found)
        return int(wrong)
    fine = Counter(row["outcome"] for row in rows if row["outcome"] in ("right", "right in part"))
    shown = rows if len(rows) <= MOST_DAYS_SHOWN else [row for row in rows if row["outcome"] not in fine]
    if shown:
        _print_days(shown)
    if len(shown) < len(rows):
        say("; ".join(f"{count} more days are {word}" for word, count in sorted(fine.items())) + ".")
    if len(rows) == 1:
        _print_changes(rows[0])
    elif repaired := [row for row in shown if row["before_figures"] and row["after_figures"]]:
        _print_before_and_after(repaired)
        say("Which periods and units changed: --json, or the table minerecon.verifications")
    for row in rows:
        for problem in _left(row):
            say(f"{row['settlement_date']}: {_problem(problem)}", err=True)
        if row["error"]:
            say(f"{row['settlement_date']}: {' '.join(row['error'].split())}", err=True)
    for why in sums.values():
        say(why, err=True)
    # One fault, one command: what `minerecon status` says of these days, which may be many days' at once.
    repairs = {row["settlement_date"]: repair for row in rows if (repair := _repair(row))}
    for first, last in spans(repairs, alike=repairs.get):
        say(f"repair: {repairs[first].over(first, last)}", err=True)
    if outcome.stopped_by:
        say(f"not done: {outcome.stopped_by}", err=True)
    return int(wrong)


def _problem(problem: _Row) -> str:
    return f"{problem['property']} ({problem['severity']}): expected {problem['expected']}; found {problem['actual']}"


def _repair(row: _Row) -> Repair:
    """What mends all that is wrong with a day now, with DATE for it; nothing where nothing is."""
    return of_day((parse(problem["repair"]) for problem in _left(row)), row["settlement_date"])


def _plain(row: _Row) -> dict[str, Any]:
    """A row as plain values for JSON: exact numbers as strings, dates and instants as ISO text."""
    return {
        name: value if isinstance(value, int | str | list | dict | None) else str(value) for name, value in row.items()
    }


def _print_days(rows: Sequence[_Row]) -> None:
    from minerecon_dagster.cli.tables import Column, print_columns

    def texts(shown: Callable[[_Row], str]) -> list[str]:
        return [shown(row) for row in rows]

    # What is wrong and what is left is said problem by problem below the table, whether or not these columns fit.
    found = texts(_wrong_before)
    print_columns(
        [
            Column("day", texts(lambda row: str(row["settlement_date"])), justify="left"),
            Column("outcome", texts(_outcome), justify="left"),
            Column("periods compared", texts(_compared), goes=1, justify="left"),
            Column("wrong", found, goes=3, justify="left"),
            Column("done", texts(lambda row: row["repair"] or ""), goes=2, justify="left"),
            Column("left", texts(_left_now), goes=3, justify="left"),
        ],
        title="Stored days and Elexon now",
    )


def _wrong_before(row: _Row) -> str:
    if row["action"] == _SPOT_FIX:
        return "not looked at"
    return ", ".join(p["property"] for p in row["problems"]) or "nothing"


def _outcome(row: _Row) -> str:
    """How it ended; a spot fix that did what it was asked for is not called in vain for what else is wrong."""
    if row["action"] == _SPOT_FIX and row["outcome"] == "not repaired":
        return "period done, day not right"
    return str(row["outcome"])


def _left_now(row: _Row) -> str:
    return "" if row["problems_left"] is None else ", ".join(p["property"] for p in _left(row)) or "nothing"


def _compared(row: _Row) -> str:
    if row["action"] == _SPOT_FIX and row["periods_looked_at"]:
        return f"{row['periods_looked_at'][0]} alone, fetched again"
    if row["sampling"] is None:
        return "none"
    count, share = len(row["periods_looked_at"] or ()), row["detection_share"]
    if share is None:
        return "control totals only"
    return f"all {count}" if share == 1 else f"{count}, finds {100 * share:.1f} % of single faults"


def _print_changes(row: _Row) -> None:
    """The comparison of one day: its totals before and after, and the periods and units that differ."""
    from minerecon_dagster.cli.tables import Column, print_columns

    before, after = row["before_figures"], row["after_figures"]
    if before is not None and after is not None:
        models = sorted(before["btc"].keys() | after["btc"].keys())

        def figures(of: _Row) -> list[str]:
            shown = [_rounded(of[name], digits) for name, (_, digits) in _FIGURES.items()]
            return [*shown, *(_rounded(of["btc"].get(model), 8) for model in models)]

        labels = [*(label for label, _ in _FIGURES.values()), *(f"BTC {model}" for model in models)]
        print_columns(
            [Column("", labels, justify="left"), Column("before", figures(before)), Column("after", figures(after))],
            title=f"{row['settlement_date']}: before and after",
        )
    for title, key, differing in (
        ("Settlement periods that differ", "settlement_period", row["period_differences"]),
        ("Units that differ", "bmu_id", row["unit_differences"]),
    ):
        if differing:
            _print_differences(title, key, differing, repaired=after is not None)
            if len(differing) > MOST_ROWS_SHOWN:
                click.echo(f"… and {len(differing) - MOST_ROWS_SHOWN} more: --json shows all")


_FIGURES = {
    "rows": ("rows, all bids", 0),
    "so_rows": ("rows, SO-flagged", 0),
    "mwh": ("MWh, all bids", 3),
    "so_mwh": ("MWh, SO-flagged", 3),
    "gbp": ("£ net, all bids", 2),
    "so_gbp": ("£ net, SO-flagged", 2),
}
"""The figures of a day as they are kept: their labels, and to how many digits a terminal shows them."""


def _rounded(figure: int | str | None, digits: int) -> str:
    return "-" if figure is None else f"{Decimal(figure):,.{digits}f}"


def _print_before_and_after(rows: Sequence[_Row]) -> None:
    """The totals of several repaired days."""
    from minerecon_dagster.cli.tables import Column, print_columns

    def column(name: str, when: str, goes: int) -> Column:
        label, digits = _FIGURES[name]
        cells = [_rounded(row[f"{when}_figures"][name], digits) for row in rows]
        return Column(f"{label}\n{when}", cells, goes=goes)

    print_columns(
        [
            Column("day", [str(row["settlement_date"]) for row in rows], justify="left"),
            *(column("so_rows", when, 1) for when in ("before", "after")),
            *(column("so_mwh", when, 0) for when in ("before", "after")),
            *(column("so_gbp", when, 0) for when in ("before", "after")),
        ],
        title="Repaired days: before and after",
    )


def _print_differences(title: str, key: str, differing: Sequence[_Row], *, repaired: bool) -> None:
    from minerecon_dagster.cli.tables import Column, print_columns

    shown = differing[:MOST_ROWS_SHOWN]

    def column(label: str, who: str, name: str, digits: int, goes: int) -> Column:
        cells = ["-" if each[who] is None else _rounded(each[who][name], digits) for each in shown]
        return Column(f"{label}\n{who}", cells, goes=goes)

    is_period = key == "settlement_period"
    print_columns(
        [
            Column("period" if is_period else "unit", [str(each[key]) for each in shown], justify="left"),
            *(
                column(label, who, name, digits, goes)
                for label, name, digits, goes in (("rows", "rows", 0, 1), ("MWh", "mwh", 3, 0), ("£", "gbp", 2, 0))
                for who in (("stored", "elexon", "after") if repaired else ("stored", "elexon"))
            ),
        ],
        title=f"{title} (all bids; {len(differing)})",
    )
