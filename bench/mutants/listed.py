"""The committed list of survivors, each with why it may survive, and what is wrong between it and what was found."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

LIST = Path(__file__).with_name("survivors.toml")
HEAD = """\
# Mutants that no test notices, and why each may survive: written by people, read by `make mutants`. A mutant is named
# by its file, its function (or class; nothing outside of both) and the lines that change, so that code may move.
# `not_measured` has the files that were never tried whole, and are left out; the mutants of SQL are tried together.
"""


def name(file: str, function: str, before: str, after: str, nth: int) -> str:
    """What a mutant is called in the list."""
    return f"{file} | {function} | {before} => {after}" + (f" | {nth}" if nth > 1 else "")


def read(path: Path = LIST) -> dict[str, str]:
    """The reason of each survivor that is listed.

    Raises:
        ValueError: a reason is missing, or a mutant is listed twice.
    """
    reasons = tomllib.loads(path.read_text("utf-8")).get("reason", []) if path.exists() else []
    if empty := [r for r in reasons if not r["why"].strip()]:
        raise ValueError(f"{path.name}: {sum(len(r['survivors']) for r in empty)} survivors have no reason")
    names = Counter(n for r in reasons for n in r["survivors"])
    if twice := [n for n, count in names.items() if count > 1]:
        raise ValueError(f"{path.name}: listed twice: {'; '.join(twice)}")
    return {n: r["why"] for r in reasons for n in r["survivors"]}


def not_measured(path: Path = LIST) -> frozenset[str]:
    """The files of which nobody knows yet which mutants survive: they are not tried unless they are asked for."""
    return frozenset(tomllib.loads(path.read_text("utf-8")).get("not_measured", []) if path.exists() else [])


def is_of_sql(called: str) -> bool:
    """Whether a mutant is one of SQL, by its name."""
    return called.partition(" | ")[0].endswith(".sql")


def write(found: Iterable[str], not_tried: Collection[str], path: Path = LIST, *, of_sql: bool) -> int:
    """Write the list anew: reasons stay, what is new has none, and what is noticed by now goes. How many are new.

    Args:
        found: the survivors.
        not_tried: mutants that may survive, or may not: those that are listed stay.
        path: the list.
        of_sql: whether they are of SQL; those of the other kind stay.
    """
    found = list(found)
    known = {}
    for reason in tomllib.loads(path.read_text("utf-8")).get("reason", []) if path.exists() else []:
        known |= dict.fromkeys(reason["survivors"], reason["why"])
    by_reason: dict[str, list[str]] = {why: [] for why in known.values()}
    stay = [n for n in known if n not in found and (n in not_tried or is_of_sql(n) != of_sql)]
    for n in (*stay, *found):
        by_reason.setdefault(known.get(n, ""), []).append(n)
    text = HEAD
    if still := sorted(not_measured(path)):
        text += "\nnot_measured = [\n" + "".join(f"    {json.dumps(file)},\n" for file in still) + "]\n"
    for why, names in by_reason.items():
        if names:
            lines = "".join(f"    {json.dumps(n, ensure_ascii=False)},\n" for n in names)
            text += f"\n[[reason]]\nwhy = {json.dumps(why, ensure_ascii=False)}\nsurvivors = [\n{lines}]\n"
    path.write_text(text, "utf-8")
    return len(by_reason.get("", []))


def wrong(
    listed: Mapping[str, str], survived: Collection[str], tried: Collection[str], all_there_are: Collection[str]
) -> list[str]:
    """What must be mended: in tests, or in the list.

    Args:
        listed: the reasons, by mutant.
        survived: the mutants that no test noticed.
        tried: the mutants that were tried.
        all_there_are: the mutants that there are, tried or not.
    """
    there, alive, looked_at = set(all_there_are), set(survived), set(tried)
    return [
        *(f"survived, and is not listed: {n}" for n in survived if n not in listed),
        *(f"listed, and there is no such mutant: {n}" for n in listed if n not in there),
        *(f"listed, and noticed by now: {n}" for n in listed if n in looked_at and n not in alive),
    ]
