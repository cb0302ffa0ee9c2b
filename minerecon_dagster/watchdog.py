"""The watchdog over analysts' sessions, as a sensor. What it does is `minerecon_dagster.warehouse.watchdog`."""

import dagster as dg

from minerecon_dagster.resources.dagster_resources import WarehouseResource
from minerecon_dagster.settings import Settings

ANALYSTS_WATCHDOG = "analysts_watchdog"


def build_watchdog() -> dg.SensorDefinition:
    """The sensor that ends what analysts run for longer than MINERECON_ANALYST_MAX_SECONDS."""

    @dg.sensor(
        name=ANALYSTS_WATCHDOG,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Every 30 s: ends statements of analysts of more than MINERECON_ANALYST_MAX_SECONDS (300), and "
        "transactions of more than twice that; its ticks say what it ended. Running unless it is switched off.",
    )
    def analysts_watchdog(context: dg.SensorEvaluationContext, warehouse: WarehouseResource) -> dg.SkipReason:
        from minerecon_dagster.warehouse.watchdog import end_overlong

        limit_s = Settings.from_environ().analyst_max_seconds
        engine = warehouse.engine()
        try:
            found = end_overlong(engine, limit_s)
        finally:
            engine.dispose()
        if found is None:
            return dg.SkipReason("the server has no role for analysts yet: run `minerecon db upgrade`")
        for session in found:
            context.log.warning(str(session))
        return dg.SkipReason("; ".join(map(str, found)) or f"no analyst's statement has run for over {limit_s} s")

    return analysts_watchdog
