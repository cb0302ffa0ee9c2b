"""A drawn picture made ready for a page: known elements and attributes only, a name, its hatching."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Tree
from xml.sax.saxutils import escape, quoteattr

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
_LINES = {"accent": "accent", "back": "back", "other": "other", "state-provisional": "accent"}


def page_ready(drawn: str, prefix: str, title: str, description: str, paper: bool = False, margin: int = 0) -> str:
    """A picture as Vega writes it, as the SVG element that a page takes.

    What is not a known element or attribute is left out, so that nothing of the data can become a style, a script or a
    link. What a mark is described by becomes its ``<title>``, which a browser shows under the pointer without a script.
    Colours are still named (``@accent``).

    Args:
        drawn: Vega's SVG.
        prefix: of all ids; letters, digits and hyphens, unique on the page.
        title: the accessible name.
        description: what the picture says.
        paper: whether it has a ground of its own, and does not stand on the page's.
        margin: pixels around it, for a picture that stands alone.

    Raises:
        ValueError: the picture is not well-formed, or the prefix has other characters.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", prefix):
        raise ValueError(f"an id cannot begin with {prefix!r}")
    try:
        root = Tree.fromstring(drawn)  # noqa: S314 - made by Vega in this process; its text is escaped
    except Tree.ParseError as error:
        raise ValueError(f"the picture is not well-formed: {error}") from None
    hatches: dict[str, None] = {}
    body = "".join(_written(child, prefix, hatches) for child in root)
    patterns = "".join(
        f'<pattern id="{prefix}-{name}" width="5" height="5" patternUnits="userSpaceOnUse"'
        f' patternTransform="rotate(45)"><rect width="5" height="5" fill="@{_soft(name)}"/>'
        f'<rect width="1.6" height="5" fill="@{_LINES.get(name, name)}"/></pattern>'
        for name in hatches
    )
    width, height = (round(float(root.get(side, "0"))) + 2 * margin for side in ("width", "height"))
    box = f"{-margin} {-margin} {width} {height}"
    ground = f'<rect x="{-margin}" y="{-margin}" width="{width}" height="{height}" fill="@paper"/>' if paper else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="{width}" height="{height}"'
        f' viewBox="{box}" role="img" aria-labelledby="{prefix}-title {prefix}-desc">'
        f'<title id="{prefix}-title">{escape(title)}</title><desc id="{prefix}-desc">{escape(description)}</desc>'
        f"{f'<defs>{patterns}</defs>' if patterns else ''}{ground}{body}</svg>"
    )


def _soft(name: str) -> str:
    return name if name.startswith("state-") else f"{name}-soft"


def _written(
    element: Tree.Element, prefix: str, hatches: dict[str, None], inherited: tuple[str, ...] = ("", "")
) -> str:
    tag = element.tag.removeprefix(_SVG)
    if tag not in _ELEMENTS or element.get("display") == "none" or element.get("class") == "background":
        return ""
    label = element.get("aria-label") if tag == "path" else None
    own = {name: value for name, value in element.attrib.items() if name in _ATTRIBUTES and _VALUE.fullmatch(value)}
    if own.get("transform") == "translate(0,0)":
        del own["transform"]
    own = {n: v for n, v in own.items() if not (n in _INHERITED and v == inherited[_INHERITED.index(n)])}
    passed = tuple(own.get(name, inherited[place]) for place, name in enumerate(_INHERITED))
    inner = escape(element.text) if element.text and tag in ("text", "tspan") else ""
    inner += "".join(_written(child, prefix, hatches, passed) for child in element)
    if tag == "g":
        if not inner:
            return ""
        if not own:
            return inner
    if label:
        inner = f"<title>{escape(label)}</title>{inner}"
    attributes = "".join(f" {name}={quoteattr(_painted(value, prefix, hatches))}" for name, value in own.items())
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"


def _painted(value: str, prefix: str, hatches: dict[str, None]) -> str:
    if hatch := _HATCH.fullmatch(value):
        hatches[hatch[1]] = None
        return f"url(#{prefix}-{hatch[1]})"
    return value
