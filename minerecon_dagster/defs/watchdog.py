"""The watchdog over analysts' sessions, as a sensor. What it does is `minerecon_dagster.warehouse.watchdog`."""

import dagster as dg

from minerecon_dagster.defs.resources import WarehouseResource
from minerecon_dagster.settings import Settings

ANALYSTS_WATCHDOG = "analysts_watchdog"


def analysts_watchdog(context: dg.SensorEvaluationContext, warehouse: WarehouseResource) -> dg.SkipReason:
    """End what analysts run for longer than MINERECON_ANALYST_MAX_SECONDS."""
    from minerecon_dagster.warehouse.watchdog import end_overlong

    limit_s = Settings.from_environ().analyst_max_seconds
    with warehouse.open() as opened:
        found = end_overlong(opened.engine, limit_s)
    if found is None:
        return dg.SkipReason("the server has no role for analysts yet: run `minerecon db upgrade`")
    for session in found:
        context.log.warning(str(session))
    return dg.SkipReason("; ".join(map(str, found)) or f"no analyst's statement has run for over {limit_s} s")
