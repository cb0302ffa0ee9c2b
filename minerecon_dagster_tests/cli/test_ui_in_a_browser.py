"""The UI in a browser: a red run of the command line is read, and executed again, in three clicks.

It needs Debian's chromium; without it this test is skipped, and says so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

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


class Hand:
    """A page of a browser, and how often something was clicked for the task in hand."""

    def __init__(self, browser: Any, ui: str) -> None:
        self.page = browser.new_page(viewport={"width": 1500, "height": 950})
        self.page.set_default_timeout(_LONGEST_S * 1000)
        self._ui = ui
        self.clicks = 0

    def begin(self) -> None:
        """Begin a task, where everybody begins."""
        self.page.goto(self._ui)
        self.clicks = 0

    def click(self, what: Any) -> None:
        what.first.click()
        self.clicks += 1

    def sees(self, text: str | re.Pattern[str]) -> None:
        sync_api.expect(self.page.get_by_text(text).first).to_be_visible(timeout=_LONGEST_S * 1000)


@pytest.fixture
def hand(ui: str) -> Iterator[Hand]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield Hand(browser, ui)
        browser.close()


def is_stored(warehouse: Engine) -> bool:
    with warehouse.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM minerecon.daily_summaries")).scalar_one())


def test_a_red_run_of_the_command_line_says_what_to_do_and_its_button_executes_it_again(
    minerecon: Callable[..., Ran], elexon: FakeElexon, warehouse: Engine, hand: Hand
) -> None:
    elexon.faults = lambda path: Fault(400) if path == stack_path("bid", DAY, 17) else None
    ran = minerecon("reingest", str(DAY), "--json")
    assert ran.code == 1
    elexon.faults = lambda path: None
    assert not is_stored(warehouse)
    (run_id,) = ran.json["run_ids"]
    hand.begin()
    hand.click(hand.page.get_by_role("link", name="Runs"))
    hand.sees(f"typed: minerecon reingest {DAY}")
    hand.click(hand.page.get_by_text(run_id[:8]))
    said = hand.page.get_by_text(re.compile(rf"Repair: minerecon reingest {DAY} --force\s+Or in the UI: job ingest"))
    sync_api.expect(said.first).to_be_attached(timeout=_LONGEST_S * 1000)
    hand.click(hand.page.get_by_text("Re-execute all"))
    hand.page.wait_for_url(lambda url: run_id not in url)
    assert hand.clicks == 3
    until(lambda: is_stored(warehouse))
