"""Sentences for people: in a terminal broken between words, elsewhere a line each; a command is never broken.

A command that was given `--sample` names no other without it: that would be of real days, and ask the real Elexon.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import TextIO

import click

from minerecon_dagster.core.printable import printable_lines

_INDENT = "    "
_NARROWEST = 40
"""Below so many columns a sentence is not broken: the terminal does it."""
_WHOLE = re.compile(r"minerecon [a-z](?:[^;(),]|,(?! ))*|[0-9]+ of [0-9]+\]")
"""What is not broken: a command, which is taken from the terminal whole; and how far it has come."""
_KEPT = "\N{NO-BREAK SPACE}"
SAMPLE_OPTION = "--sample"
_OF_THE_SAMPLE = "minerecon.of_the_sample"
"""What a click context remembers of it."""
_KEY = r" (?:DATE|FROM|TO|YYYY-MM-DD|[0-9]{4}(?:-[0-9]{2}){1,2})\b"
"""A day or month of a command."""
_HAVE_IT = rf" (?:{SAMPLE_OPTION}|--help)\b"


def remember_the_sample(context: click.Context, _: click.Parameter | None, is_given: bool) -> bool:
    """Let what the command prints name commands of the sample, if it was given the option: a callback of click's."""
    if is_given:
        context.meta[_OF_THE_SAMPLE] = True
    return is_given


def naming_commands() -> Callable[[str], str]:
    """What puts the option of the sample into the commands that a text names, where the command in hand was given it.

    It may be called in any thread.
    """
    context = click.get_current_context(silent=True)
    if context is None or not context.meta.get(_OF_THE_SAMPLE):
        return str
    verbs = sorted(_taking_the_sample(context.find_root().command), key=len, reverse=True)
    verb = "|".join(map(re.escape, verbs))
    # All of its keys are taken: not with a possessive quantifier, which Python matches wrongly before 3.11.5.
    named = re.compile(rf"\bminerecon (?:{verb})\b(?!-)(?:{_KEY})*(?!{_KEY}|{_HAVE_IT}|-)")
    return lambda text: named.sub(rf"\g<0> {SAMPLE_OPTION}", text)


def _taking_the_sample(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The commands that have the option, as in ``archive verify``."""
    if any(parameter.callback is remember_the_sample for parameter in command.params):
        yield " ".join(path)
    for name, inner in getattr(command, "commands", {}).items():
        yield from _taking_the_sample(inner, (*path, name))


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
    text, columns = naming_commands()(printable_lines(text)), _columns(sys.stderr if err else sys.stdout)
    click.echo(text if columns is None else wrapped(text, columns), err=err)


def print_json(value: object) -> None:
    """Print one JSON object on one line; its commands are of the sample, too, where this one is."""
    click.echo(naming_commands()(json.dumps(value)))


def how_commands_are_called() -> str | None:
    """What to type where a text names `minerecon`; None where a shell finds it by this name."""
    if shutil.which("minerecon") is not None:
        return None
    return f"Where a text names minerecon, type {sys.argv[0]}: it is not on the PATH."


def _columns(stream: TextIO) -> int | None:
    """How wide a terminal is; None where it is none, or does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None if stream.isatty() else None
    except (OSError, ValueError):  # no descriptor, or one that has been closed
        return None
