"""The rows of the stack as COPY takes them: in pieces, in their order, and none of them twice or never."""

import datetime as dt
from decimal import Decimal

import msgspec
import pytest

from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.elexon.datasets.stack import BidRow, OfferRow, StackRow, WindBid, _copy_lines
from minerecon_dagster.warehouse import copying
from minerecon_dagster.warehouse.copying import _Lines

DAY = dt.date(2025, 3, 28)
PARTY = "Wind\tand \\ Sons"


def unit(bmu_id: str, party: str | None) -> BmUnit:
    return BmUnit(bmu_id, None, None, party, "WIND", "T", Decimal(100))


def row(kind: type[StackRow], period: int, bmu_id: str, made: dt.datetime | None, so_flag: bool | None) -> WindBid:
    given = dict.fromkeys(f.name for f in msgspec.structs.fields(kind))
    of_it = {
        "settlement_date": str(DAY), "settlement_period": period, "id": bmu_id, "sequence_number": 1,
        "acceptance_id": 7, "created_date_time": made, "so_flag": so_flag, "repriced_indicator": False,
        "volume_digits": msgspec.Raw(b"-1.50"), "original_price_digits": msgspec.Raw(b"null"),
        "final_price_digits": msgspec.Raw(b"-2"),
    }  # fmt: skip
    made_row = kind(**{**given, **of_it})
    return WindBid(made_row, bmu_id, made_row.acceptance_id, so_flag, made_row.volume, made_row.original_price)


@pytest.mark.parametrize("at_a_time", [1, 2, 500])
def test_pieces_are_all_lines_in_their_order(monkeypatch: pytest.MonkeyPatch, at_a_time: int) -> None:
    monkeypatch.setattr(copying, "LINES_AT_A_TIME", at_a_time)
    lines = [f"{n}\n" for n in range(5)]
    file = _Lines(iter(lines))
    pieces = list(iter(lambda: file.read(1), ""))
    assert "".join(pieces) == "".join(lines)
    assert file.read(1) == ""


def test_lines_are_copied_in_pieces_of_500() -> None:
    lines = _Lines(iter(["x"] * 501))
    assert [len(lines.read(1)) for _ in range(3)] == [500, 1, 0]


def test_a_line_has_its_own_period_side_unit_and_time() -> None:
    made = dt.datetime(2025, 3, 29, 9, tzinfo=dt.UTC)
    units = {"T_A-1": unit("T_A-1", PARTY), "T_B-1": unit("T_B-1", None)}
    bids = [
        ("bid", 1, row(BidRow, 1, "T_A-1", made, True)),
        ("bid", 2, row(BidRow, 2, "T_B-1", None, None)),
        ("offer", 2, row(OfferRow, 2, "T_A-1", made, False)),
    ]
    found = [line.rstrip("\n").split("\t") for line in _copy_lines(DAY, bids, units)]
    escaped = "Wind\\tand \\\\ Sons"
    none, time = r"\N", "2025-03-29 09:00:00+00:00"
    assert found == [
        [str(DAY), "1", "2025-03-28T00:00:00+00:00", "bid", "T_A-1", "7", none, "1", escaped, "-1.50", none, "-2",
         "t", none, time],
        [str(DAY), "2", "2025-03-28T00:30:00+00:00", "bid", "T_B-1", "7", none, "1", none, "-1.50", none, "-2",
         none, none, none],
        [str(DAY), "2", "2025-03-28T00:30:00+00:00", "offer", "T_A-1", "7", none, "1", escaped, "-1.50", none, "-2",
         "f", none, time],
    ]  # fmt: skip
