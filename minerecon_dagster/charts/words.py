"""Words and numbers as a chart shows them: cleaned of what could hide or break something, wrapped, cut, and short."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of Unicode: control, format (the direction of text among it), surrogates, private, unassigned, breaks."""
_THIN, _WIDE = frozenset("iljtfrI.,:;'|!()[] "), frozenset("mwMW@%—")
_BOLD = 1.12
_THIN_EM, _WIDE_EM, _LARGE_EM, _EM = 0.36, 0.95, 0.72, 0.6


def clean(text: str) -> str:
    """A text without characters that XML forbids, that are invisible or that turn the direction of what follows.

    What stands for one of them is a space, and spaces in a row are one: a name of such characters alone is empty.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    shown = (" " if unicodedata.category(c) in _INVISIBLE else c for c in text)
    return " ".join("".join(shown).split())


def width_of(text: str, size: float, bold: bool = False) -> float:
    """About how many pixels a line is wide in a system font of ``size`` pixels; rather too many than too few."""
    wide = sum(
        _THIN_EM if c in _THIN else _WIDE_EM if c in _WIDE else _LARGE_EM if c.isupper() or ord(c) > 0x2E80 else _EM
        for c in text
    )
    return size * wide * (_BOLD if bold else 1)


def cut(text: str, size: float, pixels: float) -> str:
    """The text, or its beginning with an ellipsis where it is wider than ``pixels``."""
    if width_of(text, size) <= pixels:
        return text
    kept = text
    while kept and width_of(f"{kept}…", size) > pixels:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def wrap(text: str, size: float, pixels: float) -> list[str]:
    """The text in lines of at most ``pixels``; a word that is wider alone is cut."""
    lines: list[str] = []
    for word in clean(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size) <= pixels:
            lines[-1] = longer
        else:
            lines.append(cut(word, size, pixels))
    return lines


def number(value: Decimal | float, places: int) -> str:
    """A number with ``places`` decimals (rounded half even), thousands and a minus as people read them."""
    exact = Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return f"{exact:,.{places}f}".replace("-", "−") if exact else f"{abs(exact):.{places}f}"


def short(value: Decimal, step: Decimal, most: Decimal) -> str:
    """A number beside an axis: 2.5k, 40k, 1.2m, 0.05, −3.

    Args:
        value: the number.
        step: from one number of the axis to the next.
        most: the largest of them, by which all are of one kind: 5k below 10k, and 5,000 below 8,000.
    """
    reach = max(abs(value), step, abs(most))
    for above, unit, name in ((10_000_000, 1_000_000, "m"), (10_000, 1_000, "k")):
        if reach >= above or (unit == 1_000_000 and reach >= unit):
            scaled, by = value / unit, step / unit
            return f"{number(scaled, _places(by))}{name}" if value else "0"
    return number(value, _places(step)) if value else "0"


def _places(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def steps(low: Decimal, high: Decimal, most: int, fine: bool = False) -> Sequence[Decimal]:
    """Round values (1, 2 or 5 times a power of ten apart) from at or below ``low`` to at or above ``high``.

    Args:
        low: what must be within; equal ones are given room.
        high: as well.
        most: how many parts the axis has at most.
        fine: whether 1.5, 2.5, 3, 4, 6 and 8 times will do.
    """
    span = high - low or abs(high) or Decimal(1)
    power = Decimal(1).scaleb((span / most).adjusted())
    among = "1 1.5 2 2.5 3 4 5 6 8 10 15 20" if fine else "1 2 5 10 20"
    step = next(power * m for m in map(Decimal, among.split()) if _parts(low, high, power * m) <= most)
    first = (low / step).to_integral_value("ROUND_FLOOR")
    return [step * (first + n) for n in range(max(1, _parts(low, high, step)) + 1)]


def _parts(low: Decimal, high: Decimal, step: Decimal) -> int:
    return int((high / step).to_integral_value("ROUND_CEILING") - (low / step).to_integral_value("ROUND_FLOOR"))
