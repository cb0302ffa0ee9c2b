"""What a page is asked: the parameters of its address, each known, checked, and refused in words with a way on."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl, quote, urlencode

from minerecon_dagster.web.pages.typed import EXAMPLES, typed
from minerecon_dagster.web.question import FIRST_YEAR, LAST_YEAR, Basis, NotAnsweredError

_MOST_FIELDS = 50
_SHOWN = 40


@dataclass(frozen=True)
class Asked:
    """A request for a page.

    Args:
        path: of the page, with its names as they stand in an address.
        in_path: the names in the path, by parameter.
        given: the parameters that were given and are not empty, by name.
        prefix: under which a proxy has the site.
        hidden: parameters that a page asks of itself, and that its address does not have.
    """

    path: str
    in_path: Mapping[str, str]
    given: Mapping[str, str]
    prefix: str = ""
    hidden: frozenset[str] = frozenset()

    def address(self, **changed: str | None) -> str:
        """The page with some parameters changed, or left out (None)."""
        given = {name: value for name, value in self.given.items() if name not in self.hidden}
        return self.prefix + address(self.path, **{**given, **changed})

    def get(self, name: str) -> str | None:
        """A parameter; None where it is not given."""
        return self.given.get(name)

    def one_of(self, name: str, words: Sequence[str]) -> str:
        """A parameter that is one of some words, the first of which is the default."""
        value = self.given.get(name, words[0])
        if value not in words:
            raise self.refused(f"{name} must be {' or '.join(words)}, not {value[:_SHOWN]!r}", name)
        return value

    @property
    def basis(self) -> Basis:
        """so: what was flagged as for system reasons; all: every accepted bid."""
        return self.one_of("basis", ("so", "all"))  # type: ignore[return-value]

    def days(self, name: str, default: tuple[dt.date, dt.date]) -> tuple[dt.date, dt.date]:
        """A parameter that is a day, month or year, as its first and last day."""
        if name not in self.given:
            return default
        days = typed(self.given[name])
        if days is None:
            raise self.refused(
                f"{name} must be a day, a month or a year from {FIRST_YEAR} to {LAST_YEAR}, as in {EXAMPLES}, "
                f"not {self.given[name][:_SHOWN]!r}",
                name,
            )
        return days

    def span(
        self, default: tuple[dt.date, dt.date], most_days: int, first: str = "from", last: str = "to"
    ) -> tuple[dt.date, dt.date]:
        """The range of two parameters, no longer than ``most_days``."""
        width = default[1] - default[0]
        end = self.days(last, default)[1]
        start = self.days(first, default)[0] if first in self.given or last not in self.given else end - width
        if first in self.given and last not in self.given:
            end = max(end, self.days(first, default)[1])
        if start > end:
            raise self.refused(f"{first}, {start}, is after {last}, {end}", first, last)
        days = (end - start).days + 1
        if days > most_days:
            shorter = {first: str(start), last: str(start + dt.timedelta(days=most_days - 1))}
            raise NotAnsweredError(
                422,
                f"this shows at most {most_days:,} days at once, and {days:,} were asked for",
                **{"try": self.address(**shorter, after=None)},
            )
        return start, end

    def number(self, name: str, least: str, most: str) -> Decimal | None:
        """A parameter that is a plain decimal number within bounds; None where it is not given."""
        if name not in self.given:
            return None
        text = self.given[name]
        try:
            found = Decimal(text) if len(text) <= _SHOWN and set(text) <= set("0123456789.") else None
        except InvalidOperation:
            found = None
        if found is None or not Decimal(least) <= found <= Decimal(most):
            raise self.refused(f"{name} must be a number from {least} to {most}, not {text[:_SHOWN]!r}", name)
        return found

    def refused(self, detail: str, *wrong: str) -> NotAnsweredError:
        """The refusal of some parameters, with the address of the page without them."""
        return NotAnsweredError(422, detail, **{"try": self.address(**dict.fromkeys(wrong))})


@dataclass(frozen=True)
class Place:
    """Where a table begins: the column that it is sorted by, which way, and the row before (its value and its key)."""

    column: str
    is_descending: bool
    after: tuple[str | None, str] | None = None
    default: str = field(default="")

    @property
    def sort(self) -> str:
        """As the parameter has it."""
        return f"{'-' if self.is_descending else ''}{self.column}"


def place(asked: Asked, columns: Sequence[str], default: str) -> Place:
    """Where the table of a page begins, by ``sort`` and ``after``."""
    sort = asked.get("sort") or default
    column = sort.removeprefix("-")
    if column not in columns:
        raise asked.refused(
            f"the table can be sorted by {', '.join(columns)}, not by {column[:_SHOWN]!r}", "sort", "after"
        )
    after = None
    if "after" in asked.given:
        try:
            found = json.loads(asked.given["after"])
        except (ValueError, RecursionError):  # no JSON, or lists in lists without end
            found = None
        right = isinstance(found, list) and len(found) == 2 and isinstance(found[1], str)
        if not right or not isinstance(found[0], str | None) or _is_no_number(found[0]):
            raise asked.refused("after must be what a link to the next rows had: it is not to be made by hand", "after")
        after = (found[0], found[1])
    return Place(column, sort.startswith("-"), after, default)


def _is_no_number(value: str | None) -> bool:
    """Whether a value reads as NaN or an infinity, which no cell has and nothing can be sorted by."""
    try:
        return value is not None and not Decimal(value).is_finite()
    except InvalidOperation:
        return False


def read(path: str, in_path: Mapping[str, str], query: str, known: Sequence[str], prefix: str = "") -> Asked:
    """The request for a page.

    Args:
        path: the page's, with names in braces.
        in_path: what stands there.
        query: the query string as it came.
        known: the parameters that the page has.
        prefix: under which a proxy has the site.

    Raises:
        NotAnsweredError: a parameter that there is not, or one given twice; ``try`` is an address that works.
    """
    for name, value in in_path.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise NotAnsweredError(
            422, "the address is not one: after ? it must be name=value&…, in UTF-8", **{"try": prefix + path}
        ) from None
    given: dict[str, str] = {}
    wrong = ""
    for name, value in pairs:
        if name not in known:
            choice = f"it has {', '.join(known)}" if known else "it has none"
            wrong = wrong or f"this page has no parameter {name[:_SHOWN]!r}; {choice}"
        elif "\x00" in value:
            wrong = wrong or f"{name} holds a character that no name has"
        elif given.get(name, value) != value:
            wrong = wrong or f"{name} is given twice; give it once"
        elif value.strip():  # a form sends what was left empty, too
            given[name] = value.strip()
    asked = Asked(path, in_path, given, prefix)
    if wrong:
        raise NotAnsweredError(422, wrong, **{"try": asked.address()})
    return asked


def address(path: str, **parameters: str | None) -> str:
    """A path and its query, without what is None."""
    query = {name.rstrip("_"): value for name, value in parameters.items() if value is not None}
    return path + (f"?{urlencode(query)}" if query else "")
