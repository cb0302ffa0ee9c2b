"""The words of the field: what each means, and a link to that where a page has the word first."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markupsafe import Markup, escape

PATH = "/glossary"


@dataclass(frozen=True)
class Word:
    """A word of the field.

    Args:
        word: as it is written.
        means: in one sentence, with ``code`` in backticks.
        forms: how it stands in sentences.
        page: of the documentation, that says more; empty: none.
    """

    word: str
    means: str
    forms: Sequence[str]
    page: str = ""

    @property
    def anchor(self) -> str:
        """Of its entry in the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.word.lower()).strip("-")

    @property
    def shown(self) -> Markup:
        """What it means, for a page."""
        return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(self.means))))  # noqa: S704 - escaped before


@cache
def glossary() -> Sequence[Word]:
    """Every word, by the alphabet."""
    text = files("minerecon_dagster.web.pages").joinpath("glossary.toml").read_text("utf-8")
    return [Word(**entry) for entry in tomllib.loads(text)["words"]]


def markdown() -> str:
    """The page of the documentation."""
    lines = ["# Words", "", "Each in one sentence, as it is meant on every page, in every column and in every message."]
    lines += ["", "| word | |", "|---|---|"]
    for entry in glossary():
        name = entry.page.rpartition("/")[2].removesuffix(".md")
        more = f" ([{name}]({entry.page}))." if entry.page else ""
        lines.append(f"| {entry.word} | {entry.means.removesuffix('.') + more if more else entry.means} |")
    return "\n".join(lines) + "\n"


_PASSED = "svg|script|style|a|button|select|label|summary|code|tbody"
"""Elements in which no link may stand, or where a word is a figure's and not a sentence's."""


@cache
def _of_forms() -> tuple[re.Pattern[str], dict[str, Word]]:
    forms = {form.lower(): entry for entry in glossary() for form in entry.forms}
    longest_first = sorted(forms, key=len, reverse=True)
    words = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in longest_first)
    found = re.compile(
        rf"<({_PASSED})\b[^>]*>.*?</\1\s*>|<[^>]*>|(?<![\w/&-])(?P<word>{words})(?![\w-])", re.DOTALL | re.IGNORECASE
    )
    return found, forms


def linked(page: str, prefix: str = "") -> str:
    """A page whose main part leads from the first mention of each word to its entry.

    Args:
        page: HTML whose attributes are escaped, as templates make it.
        prefix: under which a proxy has the site.
    """
    before, main, after = _parts(page)
    pattern, forms = _of_forms()
    seen: set[str] = set()

    def entry(match: re.Match[str]) -> str:
        text = match["word"]
        if text is None:
            return match[0]
        word = forms[" ".join(text.lower().split())]
        if word.word in seen:
            return text
        seen.add(word.word)
        means = escape(word.means.replace("`", ""))
        return f'<a class="term" href="{prefix}{PATH}#{word.anchor}" title="{means}">{text}</a>'

    return before + pattern.sub(entry, main) + after


def _parts(page: str) -> tuple[str, str, str]:
    start, end = page.find("<main"), page.rfind("</main>")
    return (page, "", "") if start < 0 or end < 0 else (page[:start], page[start:end], page[end:])
