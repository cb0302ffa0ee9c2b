"""The sensor `first_register`: in a new installation, Elexon's register before anybody asks for a day.

A day fetches the register itself where there is none. But Dagster's dialog warns of whatever a day reads and nobody has
materialized yet, and asks a person to confirm what is right to do.
"""

import dagster as dg

from minerecon_dagster import asset_keys
from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.defs.resources import ClockResource, ElexonResource
from minerecon_dagster.defs.schedules import SAMPLE

FIRST_REGISTER = "first_register"


def first_register(
    context: dg.SensorEvaluationContext, elexon: ElexonResource, clock: ClockResource
) -> dg.RunRequest | dg.SkipReason:
    """Ask for the register where there never was one: once a day, should Elexon not answer."""
    if context.instance.get_latest_materialization_event(asset_keys.BM_UNITS) is not None:
        return dg.SkipReason("the register is there; the schedule bm_units_refresh keeps it up to date")
    if is_synthetic(elexon.base_url()):
        return dg.SkipReason(SAMPLE)
    return dg.RunRequest(run_key=f"first register {settlement_date(clock.now())}")
