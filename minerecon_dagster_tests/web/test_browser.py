"""The pages in a real browser: light and dark, wide and narrow, with and without a script, and by keyboard.

It needs Debian's chromium; without it these tests are skipped, and say so.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine

from minerecon_dagster.charts.bundle import bundle
from minerecon_dagster_tests.web.conftest import Api
from minerecon_dagster_tests.web.test_pages import every_path

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")]
sync_api = pytest.importorskip("playwright.sync_api", reason="there is no playwright")
WIDE, NARROW = 1280, 360


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


class Visit:
    """A page in a browser that says what it complained of, and what it asked others for."""

    def __init__(self, page: Any, api: Api) -> None:
        self.page = page
        self.api = api
        self.complaints: list[str] = []
        self.others: list[str] = []
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("request", lambda r: self._asked(r.url))

    def _asked(self, url: str) -> None:
        if urlsplit(url).netloc != f"127.0.0.1:{self.api.port}":
            self.others.append(url)

    def to(self, path: str) -> Any:
        self.page.goto(f"http://127.0.0.1:{self.api.port}{path}")
        return self.page


@contextmanager
def visiting(browser: Any, api: Api, **context: Any) -> Iterator[Visit]:
    opened = browser.new_context(**context)
    opened.set_default_timeout(60_000)
    yield Visit(opened.new_page(), api)
    opened.close()


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_page_is_whole_asks_nobody_else_and_scrolls_in_one_direction(
    api: Api, stored: Engine, browser: Any, width: int, scheme: str, has_script: bool
) -> None:
    size = {"width": width, "height": 900}
    with visiting(browser, api, viewport=size, color_scheme=scheme, java_script_enabled=has_script) as visit:
        for path in every_path(stored):
            page = visit.to(path)
            # Without a script of the page's the browser still measures it for us.
            box = page.locator("html").bounding_box()
            body = page.locator("body").bounding_box()
            assert body["width"] <= width, path
            assert box["width"] <= width, path
            if has_script:
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            kind = "wide" if width == WIDE else "narrow"
            assert page.locator(f".drawing > .{kind} svg").count() == page.locator(f".drawing > .{kind}").count(), path
            for drawing in page.locator(f".drawing > .{kind}").all():
                assert drawing.is_visible(), path
    assert not visit.complaints
    assert not visit.others


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(api: Api, stored: Engine, browser: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="there is no axe").Axe()
    found = []
    # axe is put into the page by the test, which the page's own policy rightly forbids.
    context = {"viewport": {"width": WIDE, "height": 900}, "color_scheme": scheme, "bypass_csp": True}
    with visiting(browser, api, **context) as visit:
        for path in every_path(stored):
            page = visit.to(path)
            for problem in axe.run(page).response["violations"]:
                if problem["impact"] in ("serious", "critical"):
                    found.append((path, problem["id"], [n["html"][:160] for n in problem["nodes"][:3]]))
    assert not found


def test_explore_is_used_by_keyboard_alone_and_focus_is_seen(api: Api, browser: Any) -> None:
    with visiting(browser, api, viewport={"width": WIDE, "height": 900}) as visit:
        page = visit.to("/explore")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        seen = set()
        for _ in range(400):
            page.keyboard.press("Tab")
            about = page.evaluate(
                "(() => { const e = document.activeElement, s = getComputedStyle(e);"
                " return [e.tagName, e.id || e.textContent.trim(), s.outlineStyle, e === document.body] })()"
            )
            if about[3]:
                break
            assert about[2] != "none", about
            seen.add(about[1])
        assert {"from", "to", "farm", "lead_party", "months", "payment", "All bids", "Show", "CSV", "SVG"} <= seen
        page.locator("#farm").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**farm=*")
        assert "farm=" in page.url


def test_print_has_every_chart_of_every_page_and_nothing_to_press(api: Api, stored: Engine, browser: Any) -> None:
    with visiting(browser, api, viewport={"width": WIDE, "height": 900}) as visit:
        for path in every_path(stored):
            page = visit.to(path)
            page.emulate_media(media="print")
            seen = page.locator(".drawing > .wide svg:visible").count()
            assert seen == page.locator(".drawing > .wide").count() == page.locator(".drawing svg:visible").count(), (
                path
            )
            assert page.locator(":is(nav, button, form.filter, .actions):visible").count() == 0, path
            assert page.locator("h1").is_visible(), path


def test_nothing_moves_after_the_first_paint(api: Api, stored: Engine, browser: Any) -> None:
    with visiting(browser, api, viewport={"width": WIDE, "height": 900}) as visit:
        for path in every_path(stored):
            page = visit.to(path)
            shift = page.evaluate(
                "new Promise(done => { let sum = 0; new PerformanceObserver(list => {"
                " for (const e of list.getEntries())"
                " sum += e.value }).observe({type: 'layout-shift', buffered: true}); requestAnimationFrame(() =>"
                " requestAnimationFrame(() => done(sum))) })"
            )
            assert shift == 0, path


def test_a_page_of_today_asks_again_with_its_validator_and_not_while_it_is_hidden(api: Api, browser: Any) -> None:
    with visiting(browser, api, viewport={"width": WIDE, "height": 900}) as visit:
        asked: list[tuple[str, str | None]] = []
        visit.page.on("request", lambda r: asked.append((r.method, r.headers.get("if-none-match"))))
        visit.page.clock.install()
        page = visit.to("/")
        page.locator(".asked").wait_for(state="attached")
        page.wait_for_load_state("networkidle")
        assert [method for method, _ in asked if method == "HEAD"] == ["HEAD"]
        before = len(asked)
        page.clock.run_for(121_000)
        page.locator(".asked:not([hidden])").wait_for()
        assert "nothing has changed" in page.locator(".asked").inner_text()
        again = asked[before:]
        assert len(again) == 1
        assert again[0][1], "it says what it has"
        page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.clock.run_for(600_000)
        assert len(asked) == before + 1


@pytest.mark.skipif(bundle() is None, reason="the charts' script is not made: make setup")
def test_charts_come_alive_where_a_pointer_pays_and_say_what_the_table_says(api: Api, browser: Any) -> None:
    with visiting(browser, api, viewport={"width": WIDE, "height": 1200}) as visit:
        page = visit.to("/explore?from=2025-03-01&to=2025-03-31")
        page.wait_for_selector("[data-live=yes]", state="attached")
        box = page.locator("[data-live=yes] svg").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_selector("#vg-tooltip-element.visible")
        day, energy, *_ = page.locator("#vg-tooltip-element").inner_text().split("\n")
        row = page.locator("#table tbody tr").filter(has_text=day)
        assert energy == f"SO-flagged: {row.locator('td').first.inner_text()} MWh"
        assert not visit.complaints
        assert not visit.others
