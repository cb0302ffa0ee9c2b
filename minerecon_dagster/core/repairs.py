"""What mends something that is wrong, as a value: which command, of which days, how much it does, and its text.

A `Repair` is what whoever reads of a fault is told to do, step by step: a `Command`, or `Words` where none does it.
Properties declare one with `DATE` for the day; `Repair.over` fills that in. It is stored and shown as its text, made
here; `parse` is the inverse, and nothing else reads the text of a command.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

THEN = "; "
"""Between the steps of a repair, as text."""
DATE = "DATE"
"""Stands for the day, or the days in a row, that a repair is of."""
FROM_TO = ("FROM", "TO")
"""Stand for the first and the last day where both are always written."""

Of = Literal["days", "months", "nothing"]
"""What a command is done to. None is of years: their sums are mended by the sweep over all of them."""

_JOB = "local -- dagster job execute -m minerecon_dagster.definitions -j"
_ACCEPT = "--accept-restatement"
_OF: Mapping[str, Of] = {
    **dict.fromkeys(("reingest", "recalculate", "verify", "prices", "spot-fix"), "days"),
    "export": "months",
}
_OF_A_PERSON = frozenset({"difficulty load", "register accept"})
_LONG_VERBS = (_JOB, "register refresh", *sorted(_OF_A_PERSON))
_TAKE_A_RANGE = frozenset({"reingest", "recalculate", "verify"})
_WEAKEST_FIRST: Sequence[tuple[str, tuple[str, ...]]] = (
    ("verify", ()),
    ("recalculate", ()),
    ("reingest", ("--from-archive",)),
    ("reingest", ()),
    ("verify", ("--action", "fix")),
    ("reingest", ("--force",)),
)
"""What mends a day, or days in a row: each does what the ones before it do, and more."""
_KEY = re.compile(rf"{DATE}|{'|'.join(FROM_TO)}|[0-9]{{4}}(-[0-9]{{2}}){{1,2}}")


@dataclass(frozen=True, slots=True)
class Command:
    """A ``minerecon`` command.

    Args:
        verb: its name, as in ``reingest`` or ``difficulty load``.
        keys: the day or month that it is done to, or the first and last, or what stands for them; empty for nothing.
        options: what follows.
    """

    verb: str
    keys: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def of(self) -> Of:
        """What it is done to."""
        return _OF.get(self.verb, "nothing")

    @property
    def strength(self) -> int:
        """How much it does to a day: the stronger does what the weaker does, and more. 0: something of its own."""
        known = (self.verb, self.options)
        return 1 + _WEAKEST_FIRST.index(known) if known in _WEAKEST_FIRST else 0

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to bring or to decide something first."""
        return self.verb in _OF_A_PERSON or _ACCEPT in self.options

    def __str__(self) -> str:
        """The command line."""
        return " ".join(("minerecon", self.verb, *self.keys, *self.options))


@dataclass(frozen=True, slots=True)
class Words:
    """What a person has to do where no command does it."""

    text: str
    keys: ClassVar[tuple[str, ...]] = ()
    of: ClassVar[Of] = "nothing"
    strength: ClassVar[int] = 0
    needs_a_person: ClassVar[bool] = True

    def __str__(self) -> str:
        """The words."""
        return self.text


Step = Command | Words


@dataclass(frozen=True, slots=True)
class Repair:
    """Steps, one after the other, that mend something.

    Args:
        steps: what is to be done; none: nothing, which is false.
        is_left_to_a_person: whether doing it is not enough, as where Elexon's own figures are odd: asking again helps
            only if they have changed. It is no part of the text.
    """

    steps: tuple[Step, ...] = ()
    is_left_to_a_person: bool = field(default=False, compare=False)

    @property
    def needs_a_person(self) -> bool:
        """Whether nothing mends it by itself: it is left to a person, or a step of it is one's to do."""
        return self.is_left_to_a_person or any(step.needs_a_person for step in self.steps)

    @property
    def is_command(self) -> bool:
        """Whether it begins with something that can be typed."""
        return isinstance(self.steps[0], Command) if self.steps else False

    @property
    def takes_a_range(self) -> bool:
        """Whether one command does it to many days: nothing but its first step is of days, and they are open."""
        is_open = [DATE in step.keys for step in self.steps]
        first = self.steps[0] if self.steps else None
        return sum(is_open) == 1 and is_open[0] and isinstance(first, Command) and first.verb in _TAKE_A_RANGE

    @property
    def from_to(self) -> Repair:
        """The same with FROM and TO for `DATE`, so that both days are always written."""
        return self._with_keys((DATE,), FROM_TO)

    def over(self, first: dt.date | str, last: dt.date | str | None = None) -> Repair:
        """The same, of the day (or month) ``first``, or of all from it to ``last``."""
        both = str(first), str(first if last is None else last)
        return self._with_keys((DATE,), both[: len(set(both))])._with_keys(FROM_TO, both)

    def general(self, day: dt.date | str) -> Repair:
        """The same with `DATE` in place of ``day``: what is equal of two days is one repair of both."""
        return self._with_keys((str(day),), (DATE,))

    def left_to_a_person(self) -> Repair:
        """The same, as what a person does who has looked."""
        return replace(self, is_left_to_a_person=True)

    def of_the_sample(self) -> Repair:
        """The same of the bundled sample: each command with the option, but that of a job, which takes none."""
        of_sample = tuple(
            replace(step, options=(*step.options, "--sample"))
            if isinstance(step, Command) and step.verb != _JOB
            else step
            for step in self.steps
        )
        return replace(self, steps=of_sample)

    def then(self, *others: Repair) -> Repair:
        """One after the other: first this."""
        return Repair(tuple(step for repair in (self, *others) for step in repair.steps))

    def _with_keys(self, old: tuple[str, ...], new: tuple[str, ...]) -> Repair:
        steps = (replace(s, keys=new) if isinstance(s, Command) and s.keys == old else s for s in self.steps)
        return replace(self, steps=tuple(steps))

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.steps)

    def __str__(self) -> str:
        """The steps, as they are stored and shown."""
        return THEN.join(map(str, self.steps))


def words(text: str) -> Repair:
    """What no command does."""
    return Repair((Words(text),))


def job(name: str) -> Repair:
    """The run of a job that is of no days."""
    return Repair((Command(_JOB, (), (name,)),))


def _to_days(verb: str, *options: str) -> Repair:
    return Repair((Command(verb, (DATE,), options),))


REFETCH = _to_days("reingest", "--force")
"""Ask Elexon for all of the day again, though it is final."""
FIX = _to_days("verify", "--action", "fix")
REINGEST = _to_days("reingest")
REBUILD = _to_days("reingest", "--from-archive")
"""Build the day again from the archive; Elexon is asked for nothing."""
RECALCULATE = _to_days("recalculate")
VERIFY = _to_days("verify")
TAKE_RESTATEMENT = _to_days("reingest", _ACCEPT)
PRICES = _to_days("prices")
EXPORT = _to_days("export")
LOAD_DIFFICULTY = Repair((Command("difficulty load", (), ("FILE.csv",)),))
REFRESH_REGISTER = Repair((Command("register refresh"),))
SWEEP = job("rollup_sweep")


def take_register(sha256: str) -> Repair:
    """Take an answer of the register that was refused, by its SHA-256."""
    return Repair((Command("register accept", (), (sha256,)),))


def all_of(repairs: Iterable[Repair]) -> Repair:
    """One after the other, each once."""
    return Repair().then(*dict.fromkeys(repairs))


def of_day(repairs: Iterable[Repair], day: dt.date) -> Repair:
    """One repair, with `DATE` for ``day``, for all that is wrong with it.

    What is not done to the day comes first: a difficulty is loaded, and then the day is computed with it. Of the
    commands that do more or less of the same the strongest is enough. One that does something of its own keeps its
    date, so that it is done to this day and to none beside it.
    """
    steps = list(dict.fromkeys(step for repair in repairs for step in repair.steps))
    first = [step for step in steps if day.isoformat() not in step.keys]
    own = [step for step in steps if step not in first and not step.strength]
    ranked = sorted((step for step in steps if step not in first and step.strength), key=lambda step: step.strength)
    return Repair((*first, *own)).then(Repair(tuple(ranked[-1:])).general(day))


def parse(text: str) -> Repair:
    """The repair with that text; what is no command is `Words`. Whether it is left to a person, no text says."""
    return Repair(tuple(map(_step, text.split(THEN))))


def _step(text: str) -> Step:
    name, _, rest = text.partition(" ")
    if name != "minerecon":
        return Words(text)
    verb = next((v for v in _LONG_VERBS if f"{rest} ".startswith(f"{v} ")), rest.partition(" ")[0])
    # What follows the verb, by its single blanks: the text is to come out as it went in.
    tokens = rest[len(verb) + 1 :].split(" ") if len(rest) > len(verb) else []
    count = next((n for n, token in enumerate(tokens[:2]) if not _KEY.fullmatch(token)), min(len(tokens), 2))
    return Command(verb, tuple(tokens[:count]), tuple(tokens[count:]))
