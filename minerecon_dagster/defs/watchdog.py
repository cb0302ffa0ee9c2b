"""The watchdog over readers' sessions, as a sensor. What it does is `minerecon_dagster.warehouse.watchdog`."""

import dagster as dg

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.settings import Settings

ANALYSTS_WATCHDOG = "analysts_watchdog"


def analysts_watchdog(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Keep a watch over readers in this process, and tell what it ended since the tick before.

    The watch has a connection of its own, which it keeps: when it is needed most, nobody can make one.
    """
    from minerecon_dagster.warehouse.watchdog import watch

    settings = Settings.from_environ()
    if settings.database_url is None:
        raise ConfigurationError("DATABASE_URL is not set: set it, or run this under `minerecon local -- …`")
    limit_s = settings.analyst_max_seconds
    found = watch(settings.database_url, limit_s).told()
    if found is None:
        return dg.SkipReason("the server has no role for analysts yet: run `minerecon db upgrade`")
    for session in found:
        context.log.warning(str(session))
    return dg.SkipReason("; ".join(map(str, found)) or f"no analyst's statement has run for over {limit_s} s")
