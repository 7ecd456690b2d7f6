"""Staff's prices as a CSV file (docs/prices.md): written, and read back with every mistake named by line and column.

A row stands for the price of a model and organization from a moment on: it changes the one there is, or adds one.
Reading saves nothing. Prices that no row stands for stay as they are.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from analytics.models import ModelPrice
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book.listing import UNITS
from analytics.price_book.services import check_price
from analytics.pricing import PICO_USD, TOKEN_BUCKETS
from orgs.models import Organization

MOST_ROWS = 2000
MOST_BYTES = 1_000_000
MOST_ERRORS = 100
_FORMULA_MARKS = "=+-@"
_NAMES = ("provider", "model", "organization", "effective_from", "effective_until")
RATES: Mapping[str, str] = {
    **{f"{bucket}_usd_per_million": bucket for bucket in TOKEN_BUCKETS},
    "web_searches_usd_per_thousand": "web_searches",
    "file_searches_usd_per_thousand": "file_searches",
    "characters_usd_per_million": "characters",
    "audio_usd_per_hour": "audio_ms",
}
COLUMNS = (*_NAMES, *RATES, "note")
_REQUIRED = ("provider", "model", "effective_from")
_COLUMN_OF = {RATE_COLUMNS[bucket]: name for name, bucket in RATES.items()}
_Key = tuple[str, str, int | None, datetime]


@dataclass(frozen=True, slots=True)
class Mistake:
    line: int  # of the file, from 1
    column: str  # "" for the row as a whole
    text: str


@dataclass(slots=True)
class Sheet:
    """What the file says. `prices` are those that are new or other than what there is."""

    prices: list[ModelPrice] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    mistakes: list[Mistake] = field(default_factory=list)


def write(prices: Iterable[ModelPrice]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for price in prices:
        slug = price.organization.slug if price.organization is not None else ""
        writer.writerow(
            [
                _text(price.provider),
                _text(price.model),
                slug,
                _moment(price.effective_from),
                _moment(price.effective_until),
                *(_usd(getattr(price, RATE_COLUMNS[bucket]), bucket) for bucket in RATES.values()),
                _text(price.note),
            ]
        )
    return text.getvalue().encode()


def read(text: str) -> Sheet:
    """Mistakes are those of all rows, up to `MOST_ERRORS`; with any, nothing of the sheet may be saved."""
    sheet = Sheet()
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        rows = list(_numbered(reader))
    except csv.Error as error:
        sheet.mistakes.append(Mistake(reader.line_num, "", f"This is no CSV: {error}."))
        return sheet
    if not rows:
        sheet.mistakes.append(Mistake(1, "", "The file is empty. Its first line names the columns."))
        return sheet
    columns = [name.strip().lower() for name in rows[0][1]]
    sheet.mistakes += _check_columns(columns)
    if len(rows) - 1 > MOST_ROWS:
        words = f"At most {MOST_ROWS:,} prices fit into a file, and these are {len(rows) - 1:,}. Split it."
        sheet.mistakes.append(Mistake(1, "", words))
    if not sheet.mistakes:
        _Reading(sheet, columns).read(rows[1:])
    return sheet


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, under the number of their first line."""
    line = 1
    for row in reader:
        if any(cell.strip() for cell in row):
            yield line, row
        line = reader.line_num + 1


def _check_columns(columns: list[str]) -> Iterator[Mistake]:
    for name in _REQUIRED:
        if name not in columns:
            yield Mistake(1, name, "The column is missing. The first line of an export has all of them.")
    for name in dict.fromkeys(columns):
        if name not in COLUMNS:
            yield Mistake(1, name, "There is no such column. The first line of an export has all of them.")
        elif columns.count(name) > 1:
            yield Mistake(1, name, "The column is there twice.")


class _Reading:
    """The rows of one file, checked against each other and against what there is."""

    def __init__(self, sheet: Sheet, columns: list[str]) -> None:
        self._sheet = sheet
        self._columns = columns
        self._lines: dict[_Key, int] = {}
        self._slugs: dict[str, int] = {}
        self._kept: dict[_Key, ModelPrice] = {}

    def read(self, rows: list[tuple[int, list[str]]]) -> None:
        self._slugs = dict(Organization.objects.values_list("slug", "pk").filter(slug__in=self._cells(rows)))
        models = {text.lower() for text in self._cells(rows, "model")}
        self._kept = {_key(price): price for price in ModelPrice.objects.filter(model__in=models)}
        for line, cells in rows:
            if len(self._sheet.mistakes) >= MOST_ERRORS:
                return
            if len(cells) != len(self._columns):
                words = f"There are {len(cells)} cells, and {len(self._columns)} columns."
                self._sheet.mistakes.append(Mistake(line, "", words))
                continue
            price, mistakes = self._price_of(line, dict(zip(self._columns, map(_plain, cells), strict=True)))
            self._sheet.mistakes += mistakes
            if not mistakes:
                self._take(price)

    def _cells(self, rows: list[tuple[int, list[str]]], column: str = "organization") -> set[str]:
        if column not in self._columns:
            return set()
        place = self._columns.index(column)
        return {_plain(cells[place]) for _, cells in rows if place < len(cells)}

    def _price_of(self, line: int, cells: dict[str, str]) -> tuple[ModelPrice, list[Mistake]]:
        price = ModelPrice(provider=cells["provider"].lower(), model=cells["model"].lower(), note=cells.get("note", ""))
        mistakes = [Mistake(line, column, "Enter it: the cell is empty.") for column in _REQUIRED if not cells[column]]
        for column, (name, convert) in _CONVERTED.items():
            if text := cells.get(column, ""):
                try:
                    setattr(price, name, convert(text))
                except ValueError as error:
                    mistakes.append(Mistake(line, column, str(error)))
        if slug := cells.get("organization", ""):
            price.organization_id = self._slugs.get(slug)
            if price.organization_id is None:
                words = f"There is no organization {slug!r}. Name it as in the address of its pages."
                mistakes.append(Mistake(line, "organization", words))
        return price, mistakes or list(self._check(line, price))

    def _check(self, line: int, price: ModelPrice) -> Iterator[Mistake]:
        try:
            price.clean_fields(exclude=["organization"])
            check_price(price)
        except ValidationError as error:
            for name, texts in error.message_dict.items():
                column = "" if name == NON_FIELD_ERRORS else _COLUMN_OF.get(name, name)
                yield Mistake(line, column, " ".join(texts))
            return
        if price.effective_until is not None and price.effective_until <= price.effective_from:
            yield Mistake(line, "effective_until", "The end must come after the start.")
        other = self._lines.setdefault(_key(price), line)
        if other != line:
            words = f"Line {other} has a price of the same model and organization from the same moment on."
            yield Mistake(line, "effective_from", words)

    def _take(self, price: ModelPrice) -> None:
        kept = self._kept.get(_key(price))
        if kept is None:
            self._sheet.added += 1
        elif _values(kept) == _values(price):
            self._sheet.unchanged += 1
            return
        else:
            self._sheet.changed += 1
            price.pk, price.created_at, price.created_by_id = kept.pk, kept.created_at, kept.created_by_id
            price._state.adding = False
        self._sheet.prices.append(price)


# --- Cells ------------------------------------------------------------------------------------------------------------


def _key(price: ModelPrice) -> _Key:
    return price.provider, price.model, price.organization_id, price.effective_from


def _values(price: ModelPrice) -> tuple[object, ...]:
    return tuple(getattr(price, name) for name in (*RATE_COLUMNS.values(), "effective_until", "note"))


def _text(text: str) -> str:
    """An apostrophe keeps a spreadsheet from taking it for a formula; one that was there gets another one."""
    return f"'{text}" if text[:1] in ("'", *_FORMULA_MARKS) and text else text


def _plain(cell: str) -> str:
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in ("'", *_FORMULA_MARKS) and text[1:] else text


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_moment(text: str) -> datetime:
    """In UTC where nothing else is said; a day begins at midnight. Raises ValueError, with what is wrong."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        words = f"{text!r} is no moment. They look like 2026-11-01 or 2026-11-01T12:00:00Z."
        raise ValueError(words) from None


def _usd(rate: int | None, bucket: str) -> str:
    if rate is None:
        return ""
    whole, rest = divmod(rate * UNITS[bucket], PICO_USD)
    return f"{whole}.{rest:012}".rstrip("0").rstrip(".")


def _read_rate(text: str, bucket: str) -> int:
    """Raises ValueError, with what is wrong."""
    try:
        usd = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        usd = Decimal("nan")
    if not usd.is_finite() or abs(usd.adjusted()) > 20:
        raise ValueError(f"{text!r} is no number of dollars. They look like 2.50.")
    if usd < 0:
        raise ValueError("A price is not negative. 0 is free, an empty cell is not known.")
    rate = usd * PICO_USD / UNITS[bucket]
    if rate != rate.to_integral_value():
        raise ValueError(f"{text!r} is too fine: prices are whole millionths of a millionth of a dollar for one unit.")
    if rate > 2**62:
        raise ValueError("The number is too large.")
    return int(rate)


# By column, what of a price it holds.
_CONVERTED: dict[str, tuple[str, Callable[[str], Any]]] = {
    "effective_from": ("effective_from", _read_moment),
    "effective_until": ("effective_until", _read_moment),
    **{name: (RATE_COLUMNS[bucket], partial(_read_rate, bucket=bucket)) for name, bucket in RATES.items()},
}
