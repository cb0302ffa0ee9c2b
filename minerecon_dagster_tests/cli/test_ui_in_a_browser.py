"""The UI as an operator meets it, in a browser: a red run of the command line is read, and executed again.

It needs Debian's chromium; without it this test is skipped, and says so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster_tests.cli.conftest import MINERECON, Ran
from minerecon_dagster_tests.cli.test_dashboard import free_port
from minerecon_dagster_tests.fake_elexon import FakeElexon, Fault, stack_path
from minerecon_dagster_tests.project import DAY

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")]
sync_api = pytest.importorskip("playwright.sync_api", reason="there is no playwright")
_LONGEST_S = 180


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _LONGEST_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.3)  # what is waited for is in other processes, which tell nobody


@pytest.fixture
def ui(environ: dict[str, str]) -> Iterator[str]:
    port = free_port()
    output = subprocess.DEVNULL
    process = subprocess.Popen([str(MINERECON), "ui"], env=environ | {"PORT": str(port)}, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None
        try:
            with urllib.request.urlopen(f"{url}/server_info", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        until(answers)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def test_a_red_run_of_the_command_line_says_what_to_do_and_its_button_executes_it_again(
    minerecon: Callable[..., Ran], elexon: FakeElexon, warehouse: Engine, ui: str
) -> None:
    elexon.faults = lambda path: Fault(400) if path == stack_path("bid", DAY, 17) else None
    ran = minerecon("reingest", str(DAY), "--json")
    assert ran.code == 1
    elexon.faults = lambda path: None

    def is_stored() -> bool:
        with warehouse.connect() as connection:
            return bool(connection.execute(text("SELECT count(*) FROM minerecon.daily_summaries")).scalar_one())

    assert not is_stored()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1500, "height": 950})
        page.set_default_timeout(_LONGEST_S * 1000)
        page.goto(f"{ui}/runs")
        sync_api.expect(page.get_by_text(f"typed: minerecon reingest {DAY}").first).to_be_visible(
            timeout=_LONGEST_S * 1000
        )
        page.goto(f"{ui}/runs/{ran.json['run_ids'][0]}")
        said = page.get_by_text(re.compile(rf"Repair: minerecon reingest {DAY} --force\s+Or in the UI: job ingest"))
        sync_api.expect(said.first).to_be_attached(timeout=_LONGEST_S * 1000)
        page.get_by_text("Re-execute all").first.click()
        page.wait_for_url(lambda url: ran.json["run_ids"][0] not in url)
        until(is_stored)
        browser.close()
