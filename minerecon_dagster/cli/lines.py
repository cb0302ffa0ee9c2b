"""Sentences for people: in a terminal broken between words, elsewhere a line each; a command is never broken."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from typing import TextIO

import click

from minerecon_dagster.core.printable import printable_lines

_INDENT = "    "
_NARROWEST = 40
"""Below so many columns a sentence is not broken: the terminal does it."""
_WHOLE = re.compile(r"minerecon [a-z](?:[^;(),]|,(?! ))*|[0-9]+ of [0-9]+\]")
"""What is not broken: a command, which is taken from the terminal whole; and how far it has come."""
_KEPT = "\N{NO-BREAK SPACE}"


def wrapped(text: str, width: int) -> str:
    """A text for a terminal of ``width`` columns, which would break it within a word or a figure."""
    return "\n".join(_wrapped(line, max(width, _NARROWEST)) for line in text.split("\n"))


def _wrapped(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    kept = _WHOLE.sub(lambda found: found[0].rstrip().replace(" ", _KEPT) + " " * found[0].endswith(" "), line)
    filled = textwrap.fill(kept, width, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False)
    return filled.replace(_KEPT, " ")


def say(text: str, *, err: bool = False) -> None:
    """Print a text of our own, in which texts of others may stand, on standard output or standard error."""
    text, columns = printable_lines(text), _columns(sys.stderr if err else sys.stdout)
    click.echo(text if columns is None else wrapped(text, columns), err=err)


def _columns(stream: TextIO) -> int | None:
    """How wide a terminal is; None where it is none, or does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None if stream.isatty() else None
    except (OSError, ValueError):  # no descriptor, or one that has been closed
        return None
