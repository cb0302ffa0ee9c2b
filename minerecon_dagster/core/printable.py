"""Texts of others: none is a command to whatever shows it, be it a terminal, a log, a script or a spreadsheet."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LONGEST_NAME = 200
"""Of a name or an id in a source's answer; the longest real one is under 60 characters."""
MOST_OF_A_URL = 300
"""So much of a URL is shown. One that asks for two hundred units by name has thousands of characters."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With which Excel, LibreOffice and Google Sheets take a text of a CSV file for a formula."""
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ESCAPES = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))", re.S)
_CONTROLS = {b"b": 8, b"f": 12, b"n": 10, b"r": 13, b"t": 9}


def printable(text: str) -> str:
    r"""A text in one line that moves no cursor, begins no line and hides nothing.

    Spaces of any kind become plain ones; what does not print (control characters, marks that turn the direction, byte
    order marks, lone surrogates) is shown as its escape, as in ``\x1b``.
    """
    if text.isprintable():
        return text
    return "".join(map(_shown, " ".join(text.split())))


def printable_lines(text: str) -> str:
    """`printable` of each line of a text of our own, in which texts of others stand."""
    return "\n".join(map(printable, text.split("\n")))


def shown_url(url: str) -> str:
    """A URL in a message: whole, or its beginning and how long it is."""
    if len(url) <= MOST_OF_A_URL:
        return url
    return f"{url[:MOST_OF_A_URL]}… ({len(url):,} characters)"


def for_a_spreadsheet(text: str) -> str:
    """A text for a cell of a CSV file, marked by an apostrophe where a spreadsheet would take it for a formula.

    A number is none, negative or not: it stays as it is, digit for digit.
    """
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def not_printed(body: bytes) -> str | None:
    """The first character in the texts of a JSON document that no name has, as in ``U+001B``; None: there is none.

    Control characters (NUL among them), marks that turn the direction of what follows, and line separators.

    Args:
        body: a JSON document, in which a control character stands as an escape.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    characters = _escaped(body) if b"\\" in body else iter(())
    for character in characters:
        if _is_no_part_of_a_name(character):
            return _named(character)
    if not body.isascii() or b"\x7f" in body:
        for character in sorted(set(body.decode("utf-8"))):
            if character not in "\t\n\r" and _is_no_part_of_a_name(character):
                return _named(character)
    return None


def _escaped(body: bytes) -> Iterator[str]:
    for match in _ESCAPES.finditer(body):
        if match[1]:
            yield chr(int(match[1], 16))
        elif match[2] in _CONTROLS:
            yield chr(_CONTROLS[match[2]])


def _is_no_part_of_a_name(character: str) -> bool:
    # Surrogates come in pairs, as JSON writes what is beyond U+FFFF; one alone is refused by the decoder.
    return unicodedata.category(character) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(character) in _TURNING


_TURNING = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")


def _named(character: str) -> str:
    return f"U+{ord(character):04X}"


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode("ascii")
