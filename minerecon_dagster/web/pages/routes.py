"""The routes of the pages: each is answered like a resource of the API, in its turn, within its limits, and is kept."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from fastapi import FastAPI, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from minerecon_dagster.charts import NARROW, WIDE, Drawer, DrawingError, Theme, css
from minerecon_dagster.charts.bundle import bundle
from minerecon_dagster.core.answers import source_of
from minerecon_dagster.web import answers
from minerecon_dagster.web.answers import Answer
from minerecon_dagster.web.database import RefusedError
from minerecon_dagster.web.front import Access, key_of, takes_gzip
from minerecon_dagster.web.pages import words
from minerecon_dagster.web.pages.asked import Asked, address, read
from minerecon_dagster.web.pages.figures import FIGURES, Figure
from minerecon_dagster.web.pages.glossary import linked
from minerecon_dagster.web.pages.reader import Reader
from minerecon_dagster.web.pages.typed import typed
from minerecon_dagster.web.pages.views import PAGES, Page
from minerecon_dagster.web.question import NotAnsweredError
from minerecon_dagster.web.service import Service

Answered = Callable[[Service, tuple[str, ...], Callable[[], Answer], Any], Any]
Whole = Callable[[Answer], Response]
Rest = Callable[[], Answer]
"""What is to be done with what was read, without the database."""
Make = Callable[[Reader, Request], Rest]
"""Reads what a request needs."""

_log = logging.getLogger("minerecon.web")
_HTML = "text/html; charset=utf-8"
_SVG = "image/svg+xml; charset=utf-8"
_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": _SVG}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors {}"
)
_REPORT = re.compile(r"[A-Za-z0-9-]+\.html")
_POLICY_OF_REPORTS = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_FOR_GOOD = "public, max-age=31536000, immutable"
PREVIEW_WIDTH = 1200
"""Pixels of the picture that other sites show of a link."""
_ASK_AGAIN_S = 120
"""How often a page of today asks whether something is new."""
MOST_TRIED = 3
"""Addresses that are tried before one of them is said to work."""
_ALIVE = ("explore", "part", "compare")
"""The pages on which a pointer pays: their charts come alive in a browser."""
_BACK = {
    "series": "/explore",
    "compare": "/compare",
    "farms": "/farms",
    "places": "/farms",
    "calendar": "/quality",
    "sizing": "/miners",
    "zones": "/border",
    "border": "/border",
}
"""The page that each chart is from, with the same parameters."""
NAV = (
    ("/", "Overview"),
    ("/explore", "Explore"),
    ("/farms", "Farms"),
    ("/border", "Border"),
    ("/days", "Days"),
    ("/compare", "Compare"),
    ("/miners", "Miners"),
    ("/quality", "Quality"),
    ("/data", "Data"),
    ("/api", "API"),
)


@dataclass(frozen=True)
class Beside:
    """What there is beside the warehouse.

    Args:
        reports: the folder of the reports, which are served under ``/reports/``; None: they are not.
        ui_url: where people reach Dagster's UI; None: no page links there.
        own_url: where people reach the dashboard, for the pictures that others show of a link; None: none is shown.
    """

    reports: Path | None = None
    ui_url: str | None = None
    own_url: str | None = None


def register(
    app: FastAPI, service: Service, access: Access, answered: Answered, whole: Whole, drawer: Drawer, beside: Beside
) -> None:
    """Add the pages to the application, after everything else: what no route has gets the page that helps.

    Args:
        app: of the API.
        service: that answers.
        access: with the prefix of a proxy.
        answered: what runs a question and keeps its answer.
        whole: makes an answer a response.
        drawer: of the charts.
        beside: what else is served and linked to.
    """
    site = _Site(service, access, answered, whole, drawer, beside)
    app.add_route("/days", site.to_a_day, methods=["GET"])
    for page in PAGES:
        app.add_route(page.path.replace("}", ":path}"), partial(site.page, page), methods=["GET"])
    app.add_route("/chart/{name}.svg", site.chart, methods=["GET"])
    app.add_route("/chart/{name}.png", site.preview, methods=["GET"])
    app.add_route("/embed/{name}", site.embed, methods=["GET"])
    app.add_route("/static/{digest}/{file}", site.static, methods=["GET"])
    app.add_route("/reports/{name}", site.report, methods=["GET"])
    app.add_route("/favicon.ico", site.icon, methods=["GET"])
    app.add_route("/{path:path}", site.nothing, methods=["GET"])


class _Site:
    def __init__(
        self, service: Service, access: Access, answered: Answered, whole: Whole, drawer: Drawer, beside: Beside
    ) -> None:
        self.service, self.access, self.answered, self.whole = service, access, answered, whole
        self.drawer, self.beside = drawer, beside

    def drawing(self, figure: Figure, is_live: bool = False) -> Markup:
        """The pictures of a chart, for wide and for narrow screens: in one that shrinks, words are illegible.

        Args:
            figure: what is drawn.
            is_live: whether the wide ones come alive in a browser with a script.
        """
        try:
            pictures = [
                (kind, f"drawn-{chart.name}-{kind}", chart, self.drawer.svg(chart, width, titled=False))
                for chart in figure.charts
                for kind, width in (("wide", WIDE), ("narrow", NARROW))
            ]
        except DrawingError as error:
            _log.warning("chart %s: %s", figure.name, error)
            return Markup('<p class="empty">The chart could not be drawn just now; its figures are in the table.</p>')
        drawn = Markup("").join(
            Markup('<div class="{}" id="{}">{}</div>').format(kind, name, Markup(svg))  # noqa: S704 - of known elements only
            for kind, name, _, svg in pictures
        )
        if not is_live or bundle() is None:
            return drawn
        return drawn + Markup("").join(
            # As JSON without a mark that could end the element: `Chart.live` writes none.
            Markup('<script type="application/json" data-chart="{}">{}</script>').format(name, Markup(chart.live(WIDE)))  # noqa: S704
            for kind, name, chart, _ in pictures
            if kind == "wide"
        )

    async def page(self, page: Page, request: Request) -> Response:
        """A page."""

        def made(reader: Reader, request: Request) -> Rest:
            asked = self._asked(request, page.path, page.parameters)
            context = page.make(reader, asked)
            alive = bundle() if page.template in _ALIVE else None
            return lambda: self._html(
                page.template, asked, newest=reader.newest, nav=page.nav, alive=alive and alive.name, **context
            )

        return await self._answer(request, page.path, made)

    async def to_a_day(self, request: Request) -> Response:
        """Where the form with a date leads: the page of that day, or of the newest."""
        request.scope["minerecon"]["route"] = "/days"
        day = request.query_params.get("date") or str(self.service.newest_stored_day() or self.service.today())
        if (days := typed(day)) is not None and days[0] == days[1]:
            day = str(days[0])
        basis = {n: v for n, v in request.query_params.items() if n == "basis"}
        target = self.access.prefix + address(f"/days/{quote(day, safe='')}", **basis)
        return self.whole(Answer(303, _HTML, b"", {"Location": target}))

    async def chart(self, request: Request) -> Response:
        """A chart alone, as SVG."""

        def made(reader: Reader, request: Request) -> Rest:
            figure = self._figure(request, "/chart/{name}.svg", reader, ("theme",))
            asked = self._asked(request, "/chart/{name}.svg", (*FIGURES[figure.name][0], "theme"))
            theme: Theme = "dark" if asked.one_of("theme", ("light", "dark")) == "dark" else "light"
            return lambda: self._picture(figure, theme)

        return await self._answer(request, "/chart", made)

    async def preview(self, request: Request) -> Response:
        """A chart alone, as the picture that another site shows of a link."""

        def made(reader: Reader, request: Request) -> Rest:
            figure = self._figure(request, "/chart/{name}.png", reader)
            if figure.empty:
                raise NotAnsweredError(404, f"there is nothing to draw: {figure.empty}")
            return lambda: Answer(200, "image/png", self.drawer.png(figure.charts[-1], PREVIEW_WIDTH))

        return await self._answer(request, "/chart", made)

    def _picture(self, figure: Figure, theme: Theme) -> Answer:
        headers = {"Cross-Origin-Resource-Policy": "cross-origin"} if self.access.token is None else {}
        if figure.empty:
            body = self._template("empty.svg").render(
                text=figure.empty, subtitle=figure.subtitle, state=figure.state.line
            )
        else:
            body = self.drawer.svg(figure.charts[-1], theme=theme)
        return Answer(200, _SVG, body.encode(), headers)

    async def embed(self, request: Request) -> Response:
        """A chart for another page: with its state, its source and the way back."""

        def made(reader: Reader, request: Request) -> Rest:
            figure = self._figure(request, "/embed/{name}", reader)
            asked = self._asked(request, "/embed/{name}", FIGURES[figure.name][0])
            return lambda: self._html(
                "embed",
                asked,
                newest=reader.newest,
                figure=figure,
                title=figure.title,
                state=figure.state,
                framed=True,
                back=_BACK[figure.name],
            )

        return await self._answer(request, "/embed", made)

    def _figure(self, request: Request, path: str, reader: Reader, more: Sequence[str] = ()) -> Figure:
        name = request.path_params["name"]
        if name not in FIGURES:
            raise NotAnsweredError(404, f"there is no chart {name[:40]!r}; there are {', '.join(FIGURES)}")
        parameters, make = FIGURES[name]
        return make(reader, self._asked(request, path, (*parameters, *more)))

    def _asked(self, request: Request, path: str, parameters: Any) -> Asked:
        query = request.scope["query_string"].decode("latin-1")
        return read(path, request.path_params, query, parameters, self.access.prefix)

    async def _answer(self, request: Request, route: str, make: Make) -> Response:
        scope = request.scope
        scope["minerecon"]["route"] = route
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}

        def made() -> Answer:
            self.service.columns("analytics.settlement_days")  # read before a connection is taken
            newest = self.service.newest_stored_day()
            started = time.perf_counter()
            try:
                rest = self._rest(make, request, newest)
            except NotAnsweredError as error:
                raise self._with_a_way_on(error, make, request, newest) from None
            sql_ms = (time.perf_counter() - started) * 1000
            return replace(rest(), sql_ms=sql_ms)  # what is drawn and written needs no connection

        answer = await self.answered(self.service, key_of(scope, headers), made, scope)
        if answer.media_type == answers.PROBLEM:
            answer = self._in_words(answer, scope["minerecon"]["id"])
        return self.whole(answer)

    def _rest(self, make: Make, request: Request, newest: dt.date | None) -> Rest:
        """What is to be done with what a page reads.

        Raises:
            NotAnsweredError: it cannot be shown, by the page's own word or by the database's.
        """
        try:
            with self.service.database.asking() as asking:
                return make(Reader(self.service, asking, newest), request)
        except RefusedError as error:
            raise NotAnsweredError(404 if str(error).startswith("there is no") else 422, str(error)) from None

    def _with_a_way_on(
        self, error: NotAnsweredError, make: Make, request: Request, newest: dt.date | None
    ) -> NotAnsweredError:
        """A refusal whose ``try`` was tried: what else is wrong with it is left out, too, or the page is had plain."""
        prefix, tried, seen = self.access.prefix, error.more.get("try"), set[str]()
        plain = str(tried).partition("?")[0]
        while tried is not None and unquote(plain.removeprefix(prefix)) == request.scope["path"]:
            seen.add(tried)
            changed = Request({**request.scope, "query_string": tried.partition("?")[2].encode("latin-1")})
            try:
                self._rest(make, changed, newest)
                break
            except NotAnsweredError as further:
                tried = further.more.get("try", plain)
                tried = tried if tried not in seen and len(seen) < MOST_TRIED else f"{prefix}/"
                if tried.partition("?")[0] != plain:
                    break
        if tried is not None:
            error.more["try"] = tried
        return error

    def _in_words(self, answer: Answer, request_id: str) -> Answer:
        about = json.loads(answer.body)
        page = self._html(
            "error",
            Asked("/", {}, {}, self.access.prefix),
            title=about["title"],
            about=about,
            request_id=request_id,
            status=answer.status,
            is_synthetic=self.service.is_synthetic,
        )
        return Answer(answer.status, page.media_type, page.body, {**page.headers, **answer.headers})

    async def static(self, request: Request) -> Response:
        """The style sheet, the script and the mark: their address changes with them, so they are kept for good."""
        request.scope["minerecon"]["route"] = "/static"
        file = _STATIC / request.path_params["file"]
        if file.name not in _files() or file.suffix not in _TYPES:
            return await self.nothing(request)
        is_current = request.path_params["digest"] == _files()[file.name][0]
        caching = _FOR_GOOD if is_current else "no-cache"
        answer = Answer(200, _TYPES[file.suffix], _files()[file.name][1], {"Cache-Control": caching})
        headers = {name: value.decode("latin-1") for name, value in request.scope["headers"]}
        return self.whole(answers.compressed(answer) if takes_gzip(headers) else answer)

    async def report(self, request: Request) -> Response:
        """A report, as it lies in its folder: a page without a script, with a style sheet of its own."""
        request.scope["minerecon"]["route"] = "/reports"
        name, folder = request.path_params["name"], self.beside.reports
        if folder is None or not _REPORT.fullmatch(name):
            return await self.nothing(request)
        try:
            body = (folder / name).read_bytes()
        except OSError:
            return await self.nothing(request)
        return self.whole(Answer(200, _HTML, body, {"Content-Security-Policy": _POLICY_OF_REPORTS}))

    async def icon(self, request: Request) -> Response:
        """The mark, where browsers look for it."""
        request.scope["minerecon"]["route"] = "/favicon.ico"
        return self.whole(Answer(200, _SVG, _files()["mark.svg"][1], {"Cache-Control": "public, max-age=86400"}))

    async def nothing(self, request: Request) -> Response:
        """What is said where there is no page: where to go instead; to a program, what the API says."""
        path = request.scope["path"]
        if path.startswith(("/api/", "/metrics")):
            raise HTTPException(404)
        asked = Asked("/", {}, {}, self.access.prefix)
        about = {"detail": f"There is no page at {path[:80]}.", "status": 404}
        page = self._html(
            "error", asked, title="No page here", about=about, request_id=request.scope["minerecon"]["id"], status=404
        )
        return self.whole(Answer(404, page.media_type, page.body, page.headers))

    def _html(
        self, template: str, asked: Asked, newest: dt.date | None = None, *, framed: bool = False, **context: Any
    ) -> Answer:
        state = context.get("state")
        is_synthetic = bool(state and state.is_synthetic)
        source = source_of(synthetic=context.get("is_synthetic", is_synthetic) or self.service.is_synthetic)
        body = self._template(f"{template}.html").render(
            asked=asked,
            prefix=self.access.prefix,
            drawing=self.drawing,
            link=partial(_link, self.access.prefix),
            nav_entries=NAV,
            newest=newest,
            ui_url=self.beside.ui_url,
            own_url=self.beside.own_url,
            has_reports=self.beside.reports is not None and (self.beside.reports / "latest.html").is_file(),
            source=source,
            words=words,
            ask_again_s=_ASK_AGAIN_S,
            file_address=partial(_file_address, self.access.prefix),
            address=address,
            **{
                "nav": "",
                "is_live": False,
                "state": None,
                "figure": None,
                "alive": None,
                "is_synthetic": is_synthetic,
                **context,
            },
        )
        if not framed and template != "glossary":
            body = linked(body, self.access.prefix)
        who = "*" if framed and self.access.token is None else "'none'"
        return Answer(200, _HTML, body.encode(), {"Content-Security-Policy": _POLICY.format(who)})

    def _template(self, name: str) -> Any:
        return _environment().get_template(f"{name}.j2")


def _link(prefix: str, path: str, **parameters: str | None) -> str:
    return prefix + address(path, **parameters)


def _file_address(prefix: str, name: str) -> str:
    return f"{prefix}/static/{_files()[name][0]}/{name}"


@cache
def _files() -> Mapping[str, tuple[str, bytes]]:
    """The files that are served as they are, each with what tells one version of it from another."""
    found = {path.name: path.read_bytes() for path in _STATIC.iterdir() if path.suffix in _TYPES}
    if (alive := bundle()) is not None:
        found[alive.name] = alive.body
    found["site.css"] = css().encode() + found["site.css"]
    return {name: (hashlib.sha256(body).hexdigest()[:12], body) for name, body in found.items()}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("minerecon_dagster.web.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["urlencode_whole"] = lambda text: quote(str(text), safe="")
    made.globals["status_mark"] = words.status_mark
    made.globals["glyph"] = lambda word: words.GLYPHS.get(word, "?")
    return made
