"""Charts: described once, drawn on the server as SVG or PNG by a worker process, for pages, reports, embeds and print.

How it is used (and stays so)::

    points = [Point(day(date), {"so": mwh, "all": all_mwh}, status="provisional", is_restated=False), …]
    chart = energy("march", points, Words(title, subtitle, description, source))
    with Drawer() as drawer:                       # one for a server; it starts its worker when it is needed
        drawer.svg(chart, WIDE)                    # <svg class="chart" role="img" …>, colours by the page's variables
        drawer.svg(chart, NARROW, titled=False)    # for 360 px; the page says title, subtitle and source itself
        drawer.svg(chart, WIDE, theme="dark")      # stands alone, on a ground of its own: /chart/….svg
        drawer.png(chart, 1200)                    # link previews
    css()                                          # the variables for the page's style sheet, light and dark

A figure that is not known is None and is drawn as a gap. Places on the time axis: `half_hour`, `day`, `week`,
`month`, `year`; `grain_of` chooses for a range, `regrouped` sums days. Figures by name: `energy` so, all; `money`
paid, refunded (both at or above zero), net; `share` share (0 to 1), or turned_down and generated; `bitcoin` a figure
for each model; `compare` this, other; `published` ours, theirs; `restatements` before, after. `heat_map`, `calendar`,
`state_calendar`, `ranked` (of `Bar`), `places` (of `Spot`), `sizing` have their own. A tooltip is `Point.text` (lines),
or made of the figures. `STATES` has each status's sign. `DrawingError` says why a picture could not be made; the next
one can. Texts may be hostile: they are cleaned.

In the browser (where a pointer pays): `<script type="application/json" data-chart="ID">` with `chart.live(width)`, of
the same width and ``titled``, for the element ``ID`` (which holds the SVG already), and the bundle of `bundle.py` as
one script; see there.
"""

from minerecon_dagster.charts.chart import Chart, Words
from minerecon_dagster.charts.colours import COLOURS, STATES, UNSURE, State, Theme, css, worst
from minerecon_dagster.charts.drawer import NARROW, WIDE, Drawer, DrawingError
from minerecon_dagster.charts.kinds import (
    Bar,
    Note,
    bitcoin,
    calendar,
    compare,
    energy,
    heat_map,
    lines,
    money,
    published,
    ranked,
    restatements,
    share,
    sizing,
    state_calendar,
)
from minerecon_dagster.charts.places import Spot, places
from minerecon_dagster.charts.slots import (
    Grain,
    Point,
    Slot,
    day,
    grain_of,
    half_hour,
    month,
    regrouped,
    week,
    year,
)

__all__ = [
    "COLOURS", "NARROW", "STATES", "UNSURE", "WIDE", "Bar", "Chart", "Drawer", "DrawingError", "Grain", "Note", "Point",
    "Slot", "Spot", "State", "Theme", "Words", "bitcoin", "calendar", "compare", "css", "day", "energy", "grain_of",
    "half_hour", "heat_map", "lines", "money", "month", "places", "published", "ranked", "regrouped", "restatements",
    "share", "sizing", "state_calendar", "week", "worst", "year",
]  # fmt: skip
