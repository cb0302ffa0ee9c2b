"""A page as a reader and as a program meet it: its words, its tables, and where its links lead."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "path", "rect", "circle", "line", "use"}


@dataclass
class Node:
    """An element: its name, its attributes, what is in it."""

    name: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All words in it, with one space between two."""
        return re.sub(r"\s+", " ", self._text()).strip()

    def _text(self) -> str:
        if self.name in ("svg", "script", "style"):
            return ""
        return "".join(c if isinstance(c, str) else c._text() for c in self.children)

    def all(self, name: str, **wanted: str) -> list[Node]:
        """The elements in it of a name; ``id`` and ``class_`` must be among their own."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                has = all(v in child.attributes.get(k.rstrip("_"), "").split() for k, v in wanted.items())
                found += [child] if child.name == name and has else []
                found += child.all(name, **wanted)
        return found

    def one(self, name: str, **wanted: str) -> Node:
        """The first of them."""
        found = self.all(name, **wanted)
        assert found, (name, wanted)
        return found[0]

    def rows(self) -> list[list[Node]]:
        """The cells of the rows of the body of its first table."""
        return [row.all("th") + row.all("td") for row in self.one("tbody").all("tr")]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(node)
        if tag not in _VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and any(node.name == tag for node in self._open[1:]):
            while self._open.pop().name != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def page_of(body: bytes) -> Node:
    """The page of a body."""
    reader = _Reader()
    reader.feed(body.decode())
    return reader.root


def sentence(page: Node) -> str:
    """What stands on top of it."""
    return page.one("h1").text


def exact(cell: Node) -> Any:
    """The exact digits behind a cell; None where it says that nothing is known; its words, if it is no figure."""
    data = cell.all("data")
    if data:
        return data[0].attributes["value"]
    return None if cell.all("span", class_="none") else cell.text
