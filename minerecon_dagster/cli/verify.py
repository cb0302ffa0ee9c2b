"""`minerecon verify` and `minerecon spot-fix`: days compared with Elexon and repaired, by running the Dagster jobs."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from minerecon_dagster.cli.days import update_sums
from minerecon_dagster.cli.environment import services
from minerecon_dagster.cli.outcome import DAY, MOST_DAYS_SHOWN, Outcome, asker, days_between, outcome_of
from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.repairs import FIX
from minerecon_dagster.core.sampling import SAMPLINGS

if TYPE_CHECKING:
    from rich.table import Table

    from minerecon_dagster.settings import Settings

MOST_ROWS_SHOWN = 20
"""Of more periods or units that differ a terminal shows the first; ``--json`` and the table have all."""

_Row = Mapping[str, Any]


@click.command()
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
    help="A repair takes what Elexon says of a final day though it loses more than 10 % of its energy, units or money. "
    "It is on record that you did.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(
    first: dt.datetime,
    last: dt.datetime | None,
    action: str,
    sampling: str,
    seed: int | None,
    accept_restatement: bool,
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
    with services() as settings:
        sys.exit(_run(settings, VERIFY, VERIFY_OP, days, config, as_json=as_json))


@click.command("spot-fix")
@click.argument("day", metavar="DATE", type=DAY)
@click.argument("period", type=click.IntRange(1, 50))
@click.argument("bmu")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def spot_fix(day: dt.datetime, period: int, bmu: str, as_json: bool) -> None:
    """Fetch one settlement PERIOD of DATE again for the unit BMU, and rebuild the day.

    The day's other answers are carried over; BMU is a wind unit, as in T_SGRWO-1.
    """
    from minerecon_dagster.jobs import SPOT_FIX, SPOT_FIX_OP

    days = days_between(day.date(), day.date())
    if period > period_count(days[0]):
        raise click.UsageError(f"{days[0]} has settlement periods 1 to {period_count(days[0])}, not {period}")
    config = {"period": period, "bmu": bmu, "requested_by": "minerecon spot-fix"}
    with services() as settings:
        sys.exit(_run(settings, SPOT_FIX, SPOT_FIX_OP, days, config, as_json=as_json))


def _run(
    settings: Settings, job: str, op: str, days: Sequence[dt.date], config: dict[str, Any], *, as_json: bool
) -> int:
    """Run the job over the days, bring the sums of what it repaired up to date, and print what is on record."""
    from minerecon_dagster.cli.dagster_run import execute

    config = {name: value for name, value in config.items() if value is not None}
    outcome = outcome_of(execute(job, str(days[0]), str(days[-1]), {"ops": {op: {"config": config}}}))
    rows = _read(settings, outcome.run_ids)
    repaired = [row["settlement_date"] for row in rows if row["repair"]]
    if repaired:
        outcome = outcome.joined(update_sums(settings, repaired))
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
        click.echo(json.dumps(found))
        return int(wrong)
    from minerecon_dagster.cli.render import console

    fine = Counter(row["outcome"] for row in rows if row["outcome"] in ("right", "right in part"))
    shown = rows if len(rows) <= MOST_DAYS_SHOWN else [row for row in rows if row["outcome"] not in fine]
    if shown:
        console().print(_days_table(shown))
    if len(shown) < len(rows):
        click.echo("; ".join(f"{count} more days are {word}" for word, count in sorted(fine.items())) + ".")
    if len(rows) == 1:
        _print_changes(rows[0])
    elif repaired := [row for row in shown if row["before_figures"] and row["after_figures"]]:
        console().print(_before_and_after(repaired))
        click.echo("Which periods and units changed: --json, or the table minerecon.verifications")
    for row in rows:
        for problem in _left(row):
            click.echo(f"{row['settlement_date']}: {_problem(problem)}", err=True)
        if row["error"]:
            click.echo(f"{row['settlement_date']}: {row['error']}", err=True)
    for why in sums.values():
        click.echo(why, err=True)
    from minerecon_dagster.verify.record import is_mendable

    mendable = [
        row["settlement_date"]
        for row in rows
        if row["action"] == "verify"
        and row["outcome"] == "wrong"
        and row["before_figures"] is not None  # a missing day's problem has named its one repair already
        and any(is_mendable(p["property"]) for p in _left(row))
    ]
    if mendable:
        click.echo(f"repair: {FIX.over(mendable[0], mendable[-1])}", err=True)
    if outcome.stopped_by:
        click.echo(f"not done: {outcome.stopped_by}", err=True)
    return int(wrong)


def _problem(problem: _Row) -> str:
    return (
        f"{problem['property']} ({problem['severity']}): expected {problem['expected']}; found {problem['actual']}; "
        f"repair: {problem['repair']}"
    )


def _plain(row: _Row) -> dict[str, Any]:
    """A row as plain values for JSON: exact numbers as strings, dates and instants as ISO text."""
    return {
        name: value if isinstance(value, int | str | list | dict | None) else str(value) for name, value in row.items()
    }


def _days_table(rows: Sequence[_Row]) -> Table:
    from rich.table import Table

    table = Table(title="Stored days and Elexon now", title_justify="left")
    for name in ("day", "outcome", "periods compared", "wrong", "done", "left"):
        table.add_column(name)
    for row in rows:
        table.add_row(
            str(row["settlement_date"]),
            row["outcome"],
            _compared(row),
            ", ".join(p["property"] for p in row["problems"]) or "nothing",
            row["repair"] or "",
            "" if row["problems_left"] is None else ", ".join(p["property"] for p in _left(row)) or "nothing",
        )
    return table


def _compared(row: _Row) -> str:
    if row["sampling"] is None:
        return "none"
    count, share = len(row["periods_looked_at"] or ()), row["detection_share"]
    if share is None:
        return "control totals only"
    return f"all {count}" if share == 1 else f"{count}, finds {100 * share:.1f} % of single faults"


def _print_changes(row: _Row) -> None:
    """The comparison of one day: its totals before and after, and the periods and units that differ."""
    from rich.table import Table

    from minerecon_dagster.cli.render import console

    before, after = row["before_figures"], row["after_figures"]
    if before is not None and after is not None:
        table = Table(title=f"{row['settlement_date']}: before and after", title_justify="left")
        for name in ("", "before", "after"):
            table.add_column(name, justify="right" if name else "left")
        for name, (label, digits) in _FIGURES.items():
            table.add_row(label, _rounded(before[name], digits), _rounded(after[name], digits))
        for model in sorted(before["btc"].keys() | after["btc"].keys()):
            table.add_row(f"BTC {model}", *(_rounded(figures["btc"].get(model), 8) for figures in (before, after)))
        console().print(table)
    for title, key, differing in (
        ("Settlement periods that differ", "settlement_period", row["period_differences"]),
        ("Units that differ", "bmu_id", row["unit_differences"]),
    ):
        if differing:
            console().print(_differences(title, key, differing, repaired=after is not None))
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


def _before_and_after(rows: Sequence[_Row]) -> Table:
    """The totals of several repaired days."""
    from rich.table import Table

    shown = ("so_rows", "so_mwh", "so_gbp")
    table = Table(title="Repaired days: before and after", title_justify="left")
    table.add_column("day")
    for name in shown:
        for when in ("before", "after"):
            table.add_column(f"{_FIGURES[name][0]} {when}", justify="right")
    for row in rows:
        figures = [
            _rounded(row[when][name], _FIGURES[name][1])
            for name in shown
            for when in ("before_figures", "after_figures")
        ]
        table.add_row(str(row["settlement_date"]), *figures)
    return table


def _differences(title: str, key: str, differing: Sequence[_Row], *, repaired: bool) -> Table:
    from rich.table import Table

    table = Table(title=f"{title} (all bids; {len(differing)})", title_justify="left")
    table.add_column("period" if key == "settlement_period" else "unit")
    whose = ("stored", "elexon", "after") if repaired else ("stored", "elexon")
    for label in ("rows", "MWh", "£"):
        for who in whose:
            table.add_column(f"{label} {who}", justify="right")
    for each in differing[:MOST_ROWS_SHOWN]:
        figures = [
            "-" if each[who] is None else _rounded(each[who][name], digits)
            for name, digits in (("rows", 0), ("mwh", 3), ("gbp", 2))
            for who in whose
        ]
        table.add_row(str(each[key]), *figures)
    return table
