"""A drawn picture made ready for a page: known elements and attributes only, a name, its hatching."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as Tree
from xml.sax.saxutils import escape, quoteattr

from minerecon_dagster.charts.colours import PAINTED, Theme, of

_SVG = "{http://www.w3.org/2000/svg}"
_ELEMENTS = frozenset({"g", "path", "text", "tspan", "rect", "line"})
_ATTRIBUTES = frozenset(
    {
        *("d", "transform", "fill", "stroke", "fill-opacity", "stroke-opacity", "opacity", "stroke-width"),
        *("stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit"),
        *("x", "y", "x1", "y1", "x2", "y2", "dx", "dy", "width", "height"),
        *("text-anchor", "font-family", "font-size", "font-weight", "font-style"),
    }
)
_INHERITED = ("font-family", "font-weight")
_VALUE = re.compile(r"[^<>\"&;{}\\]*")
_HATCH = re.compile(r"%hatch-([a-z0-9-]+)")
_LONG = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_PLACES = frozenset({"d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height"})
_LINES = {"state-provisional": "accent"}
Paint = Callable[[str], str]


def page_ready(
    drawn: str, prefix: str, title: str, description: str, theme: Theme = "auto", margin: int = 0
) -> str:  # fmt: skip
    """A picture as Vega writes it, as the SVG element that a page takes.

    What is not a known element or attribute is left out, so that nothing of the data can become a style, a script or a
    link. What a mark is described by becomes its ``<title>``, which a browser shows under the pointer without a script.

    Args:
        drawn: Vega's SVG, with colours by name.
        prefix: of all ids; letters, digits and hyphens, unique on the page.
        title: the accessible name.
        description: what the picture says.
        theme: ``auto`` stands on the page's ground; the others have one of their own.
        margin: pixels around it, for a picture that stands alone.

    Raises:
        ValueError: the picture is not well-formed, or the prefix has other characters.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", prefix):
        raise ValueError(f"an id cannot be {prefix!r}")
    try:
        root = Tree.fromstring(drawn)  # noqa: S314 - made by Vega in this process; its text is escaped
    except Tree.ParseError as error:
        raise ValueError(f"the picture is not well-formed: {error}") from None
    colour, hatches = of(theme), dict[str, None]()

    def paint(value: str) -> str:
        if hatch := _HATCH.fullmatch(value):
            hatches[hatch[1]] = None
            return f"url(#{prefix}-{hatch[1]})"
        return colour(value)

    body = _all_written(root, paint, ("", ""))
    patterns = "".join(
        f'<pattern id="{prefix}-{name}" width="5" height="5" patternUnits="userSpaceOnUse"'
        f' patternTransform="rotate(45)"><rect width="5" height="5" fill="{colour(f"@{_soft(name)}")}"/>'
        f'<rect width="1.6" height="5" fill="{colour(f"@{_LINES.get(name, name)}")}"/></pattern>'
        for name in hatches
    )
    width, height = (round(float(root.get(side, "0"))) + 2 * margin for side in ("width", "height"))
    place = f'x="{-margin}" y="{-margin}" width="{width}" height="{height}"'
    ground = "" if theme == "auto" else f'<rect {place} fill="{colour("@paper")}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="{width}" height="{height}"'
        f' viewBox="{-margin} {-margin} {width} {height}" role="img" aria-labelledby="{prefix}-title {prefix}-desc">'
        f'<title id="{prefix}-title">{escape(title)}</title><desc id="{prefix}-desc">{escape(description)}</desc>'
        f"{f'<defs>{patterns}</defs>' if patterns else ''}{ground}{body}</svg>"
    )


def _soft(name: str) -> str:
    return name if name.startswith("state-") else f"{name}-soft"


def _all_written(parent: Tree.Element, paint: Paint, inherited: tuple[str, ...]) -> str:
    """The children of an element; those in a row that differ in their outline alone are one path with all outlines."""
    joined: list[Tree.Element] = []
    for child in parent:
        before = joined[-1] if joined else None
        if before is not None and _differ_in_outline_alone(before, child):
            before.set("d", f"{before.get('d')}{child.get('d')}")
        else:
            joined.append(child)
    return "".join(_written(child, paint, inherited) for child in joined)


def _differ_in_outline_alone(one: Tree.Element, other: Tree.Element) -> bool:
    return (
        one.tag == other.tag == f"{_SVG}path"
        and not {"transform", "aria-label", "class"} & (set(one.keys()) | set(other.keys()))
        and {n: v for n, v in one.items() if n != "d"} == {n: v for n, v in other.items() if n != "d"}
    )


def _written(element: Tree.Element, paint: Paint, inherited: tuple[str, ...]) -> str:
    tag = element.tag.removeprefix(_SVG)
    if tag not in _ELEMENTS or element.get("display") == "none" or element.get("class") == "background":
        return ""
    own = {name: value for name, value in element.attrib.items() if name in _ATTRIBUTES and _VALUE.fullmatch(value)}
    if own.get("transform") == "translate(0,0)":
        del own["transform"]
    own = {n: v for n, v in own.items() if not (n in _INHERITED and v == inherited[_INHERITED.index(n)])}
    passed = tuple(own.get(name, inherited[place]) for place, name in enumerate(_INHERITED))
    inner = escape(element.text) if element.text and tag in ("text", "tspan") else ""
    inner += _all_written(element, paint, passed)
    if tag == "g":
        if not inner:
            return ""
        if not own:
            return inner
    if tag == "path" and (label := element.get("aria-label")):
        own |= {"fill": "transparent", "class": "hit"}
        inner = f"<title>{escape(label)}</title>{inner}"
    painted = {name: paint(value) if name in PAINTED else _rounded(name, value) for name, value in own.items()}
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in painted.items())
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"


def _rounded(name: str, value: str) -> str:
    return _LONG.sub(lambda number: f"{float(number[0]):.2f}", value) if name in _PLACES else value
