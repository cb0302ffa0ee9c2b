"""What the UI calls out of date: what has changed, and not what is still missing."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.tags import PARTITION_NAME_TAG

from minerecon_dagster import asset_keys
from minerecon_dagster.defs import inputs, links
from minerecon_dagster_tests.project import DAY, QUIET, Project, definitions

MARCH = "2025-03"


def status(project: Project, key: dg.AssetKey) -> StaleStatus:
    graph = definitions(None).resolve_asset_graph()
    return CachingStaleStatusResolver(project.instance, graph, LoadingContextForTest(project.instance)).get_status(
        key, MARCH
    )


@pytest.mark.slow
def test_a_month_and_its_export_are_unsynced_when_a_part_changed_and_not_for_days_and_prices_that_are_missing(
    project: Project,
) -> None:
    project.ingest()
    for job in ("roll_up_months", "export_months"):
        made = definitions(None).resolve_job_def(job)
        tags = {PARTITION_NAME_TAG: MARCH}
        assert made.execute_in_process(instance=project.instance, tags=tags, run_config=QUIET).success
    for key in (asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY, asset_keys.EXPORTS):
        assert status(project, key) == StaleStatus.FRESH
    project.ingest(force=True)
    assert status(project, asset_keys.MONTHLY) == StaleStatus.FRESH, "the day was looked at again, and is the same"
    project.elexon.world.revise[DAY] = 1.004
    project.ingest(force=True)
    assert status(project, asset_keys.MONTHLY) == StaleStatus.STALE
    assert status(project, asset_keys.EXPORTS) == StaleStatus.FRESH, "its month is not summed again yet"
    priced = dg.AssetMaterialization(asset_keys.PRICE, partition=str(DAY), tags=inputs.version_of("a price"))
    project.instance.report_runless_asset_event(priced)
    assert status(project, asset_keys.EXPORTS) == StaleStatus.STALE


def test_what_no_browser_opens_is_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(links.to_file("s3://bucket/exports/2025-03/manifest.json"), dg.TextMetadataValue)
    assert isinstance(links.to_file("/home/exports/2025-03/manifest.json"), dg.PathMetadataValue)
    monkeypatch.delenv("MINERECON_DASHBOARD_URL", raising=False)
    assert "set MINERECON_DASHBOARD_URL" in links.to_csv_of(MARCH)[links.OPEN]
    monkeypatch.setenv("MINERECON_DASHBOARD_URL", "https://wind.example.com")
    shown = links.to_csv_of("2024-02")[links.OPEN]
    assert shown.value == "https://wind.example.com/api/v1/days.csv?from=2024-02-01&to=2024-02-29"
