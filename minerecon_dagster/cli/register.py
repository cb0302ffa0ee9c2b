"""`minerecon register`: Elexon's register fetched again, its answers that were refused, and taking one all the same."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from minerecon_dagster.cli.environment import services
from minerecon_dagster.cli.lines import print_json, say
from minerecon_dagster.cli.options import Commands, json_option, sample_option

if TYPE_CHECKING:
    from minerecon_dagster.cli.outcome import Outcome


@click.group(cls=Commands)
def register() -> None:
    """Elexon's register of BM units, and its answers that were refused as unbelievable."""


@register.command()
@sample_option
@json_option
def refresh(sample: bool, as_json: bool) -> None:
    """Fetch Elexon's register of BM units, and store what changed; days that it changes are rebuilt by themselves."""
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.cli.outcome import outcome_of
    from minerecon_dagster.defs.remedies import PROBLEM, REPAIR
    from minerecon_dagster.jobs import BM_UNITS_REFRESH

    with services(sample=sample):
        result = execute(BM_UNITS_REFRESH, None, None, {})
    wrong = [
        f"{check.check_name}: {check.metadata[PROBLEM].value}{_units(check.metadata['units'].value)}; "
        f"{check.metadata[REPAIR].value}"
        for check in result.get_asset_check_evaluations()
        if not check.passed
    ]
    sys.exit(_report(outcome_of(result), "the register is as Elexon has it now", wrong, as_json=as_json))


def _units(violations: Any) -> str:
    """Which units a check of the register found, and what it has of the fuel of each."""
    found = [f"{v['bmu_id']} ({v.get('fuel_type') or 'none'})" if "fuel_type" in v else v["bmu_id"] for v in violations]
    return f": {', '.join(found)}" if found else ""


@register.command()
@click.argument("sha256", metavar="SHA256")
@click.option("--by", "accepted_by", help="Who accepts it (default: the user of this machine).")
@sample_option
@json_option
def accept(sha256: str, accepted_by: str | None, sample: bool, as_json: bool) -> None:
    """Take the refused answer with this SHA-256; it is in force from today on, and the record says who did it."""
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.cli.outcome import outcome_of, user_of_this_machine
    from minerecon_dagster.jobs import ACCEPT_REGISTER, ACCEPT_REGISTER_OP

    who = (user_of_this_machine() or "" if accepted_by is None else accepted_by).strip()
    if not who or not who.isprintable():
        raise click.UsageError("--by is a name of one line; it is needed where the user of this machine has none")
    config = {"sha256": sha256.strip().lower(), "accepted_by": who}
    with services(sample=sample):
        outcome = outcome_of(execute(ACCEPT_REGISTER, None, None, {"ops": {ACCEPT_REGISTER_OP: {"config": config}}}))
    sys.exit(_report(outcome, f"accepted by {who}: {config['sha256']}", [], as_json=as_json))


def _report(outcome: Outcome, done: str, wrong: Sequence[str], *, as_json: bool) -> int:
    """Print how a run went, and what is wrong with the register though it was done; return the exit code."""
    problem = outcome.stopped_by
    ok = problem is None and not wrong
    if as_json:
        print_json({"ok": ok, "run_ids": outcome.run_ids, "error": problem or "; ".join(wrong) or None})
        return int(not ok)
    if problem:
        say(f"not done: {problem}", err=True)
    else:
        click.echo(done)
    for what in wrong:
        say(what, err=True)
    return int(not ok)


@register.command("list")
@sample_option
@json_option
def list_(sample: bool, as_json: bool) -> None:
    """List the refused answers that wait, the newest first; exits with 1 if there is one."""
    from minerecon_dagster.register.store import waiting_refusals
    from minerecon_dagster.warehouse.warehouse import Warehouse

    with services(sample=sample) as settings:
        assert settings.database_url is not None
        with Warehouse.open(settings.database_url) as warehouse, warehouse.connection() as connection:
            waiting = waiting_refusals(connection)
    if as_json:
        print_json({"ok": not waiting, "waiting": [refusal.as_dict() for refusal in waiting]})
    else:
        for refusal in waiting:
            say(f"{refusal}: {refusal.remedy}")
        if not waiting:
            click.echo("No refused answer waits.")
    sys.exit(int(bool(waiting)))
