"""Every sensor: how often it looks, and what for. A new one is an entry here; what its tick does stands elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg

from minerecon_dagster.asset_keys import EXPORTS, MONTHLY_REPORT
from minerecon_dagster.defs import automation
from minerecon_dagster.defs.alerts import ALERTS, alerts
from minerecon_dagster.defs.first_register import FIRST_REGISTER, first_register
from minerecon_dagster.defs.schedules import RUNNING
from minerecon_dagster.defs.watch import ALERTS_WATCH, alerts_watch
from minerecon_dagster.defs.watchdog import ANALYSTS_WATCHDOG, analysts_watchdog
from minerecon_dagster.jobs import BM_UNITS_REFRESH


@dataclass(frozen=True)
class Sensor:
    """A sensor, on as soon as a daemon runs.

    Args:
        name: as operators have it.
        every_s: seconds between two ticks.
        purpose: what it does, for the UI and the documentation.
        does: what a tick does, or the assets whose conditions it evaluates.
        page: the page of the documentation.
        says_when: whether the UI is told how often.
        job: the job that a tick asks for; None where it asks for none, or for assets.
        is_by_our_code: whether conditions of our own are among them: they are evaluated where the code is loaded.
    """

    name: str
    every_s: int
    purpose: str
    does: Callable[..., Any] | dg.AssetSelection
    page: str
    says_when: bool = False
    job: str | None = None
    is_by_our_code: bool = False

    @property
    def when(self) -> str:
        """How often, in words."""
        every = {60: "minute"}.get(self.every_s, f"{self.every_s} s")
        return f"Every {every}"

    @property
    def description(self) -> str:
        """What the UI shows."""
        purpose = f"{self.purpose} {RUNNING}"
        return f"{self.when}: {purpose}" if self.says_when else f"{purpose[0].upper()}{purpose[1:]}"

    def build(self) -> dg.SensorDefinition:
        """What Dagster is given."""
        if not isinstance(self.does, dg.AssetSelection):
            return dg.sensor(
                name=self.name,
                job_name=self.job,
                minimum_interval_seconds=self.every_s,
                default_status=dg.DefaultSensorStatus.RUNNING,
                description=self.description,
            )(self.does)
        if self.is_by_our_code:
            # Dagster calls sensors with conditions of one's own a beta: the pinned version is tested with them.
            warnings.filterwarnings("ignore", message=r".*use_user_code_server", category=dg.BetaWarning)
        return dg.AutomationConditionSensorDefinition(
            self.name,
            target=self.does,
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=self.every_s,
            use_user_code_server=self.is_by_our_code,
            description=self.description,
        )


SENSORS = (
    Sensor(
        "months_and_years_follow_days",
        30,
        "sums a month again when one of its days changed, then its year; they wait while one of their days fails at "
        "ERROR and is not waived.",
        automation.SUMS,
        "docs/operate/repair.md",
        is_by_our_code=True,
    ),
    Sensor(
        "exports_follow_months",
        60,
        "exports a month that is over again when its sums or prices changed.",
        dg.AssetSelection.assets(EXPORTS),
        "docs/analyse/exports.md",
    ),
    Sensor(
        "reports_follow_months",
        60,
        "draws the report of a month that is over again when its sums or prices changed.",
        dg.AssetSelection.assets(MONTHLY_REPORT),
        "docs/analyse/reports.md",
    ),
    Sensor(
        FIRST_REGISTER,
        60,
        "Elexon's register of BM units, where there never was one: a new installation has it before a person asks for "
        "a day.",
        first_register,
        "docs/operate/register.md",
        says_when=True,
        job=BM_UNITS_REFRESH,
    ),
    Sensor(
        ALERTS,
        30,
        "tells once what fails and once that it cleared: checks at ERROR, freshness, runs that failed for good, "
        "restated final days; to MINERECON_ALERT_WEBHOOK_URL, or to the log.",
        alerts,
        "docs/operate/alerts.md",
    ),
    Sensor(
        ALERTS_WATCH,
        60,
        f"whether the sensor `{ALERTS}` fails, stands still or is switched off; told once, and once when it works "
        "again.",
        alerts_watch,
        "docs/operate/alerts.md",
        says_when=True,
    ),
    Sensor(
        ANALYSTS_WATCHDOG,
        30,
        "keeps a watch over readers' sessions that looks every second: ends statements of more than "
        "MINERECON_ANALYST_MAX_SECONDS (300), transactions of more than twice that, and what holds others up; its "
        "ticks say what it ended.",
        analysts_watchdog,
        "docs/operate/access.md",
        says_when=True,
    ),
)


def build_sensors() -> dg.Definitions:
    """All sensors."""
    return dg.Definitions(sensors=[sensor.build() for sensor in SENSORS])
