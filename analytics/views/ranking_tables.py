"""The dashboard's tables: rows of a report in the order that was asked for, the first ten or all, with their links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from analytics import provider_names, reports
from analytics.overview import StackBy
from analytics.reports import ORDERS, Order, Row
from analytics.views.filter_bar import FilterBar, Link

FIRST_ROWS = 10
_MAX_SEARCH = 128
_UNDER: Mapping[Order, str] = {"requests": "Average", "cost": "Change"}
_STACKS: Mapping[str, StackBy] = {"provider": "provider", "model": "model"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a table ranks. `name` is the table's in addresses and of its export."""

    name: str
    title: str
    first: str  # the head of its first column
    parameters: tuple[str, ...]  # of the filters that a row sets
    has_codes: bool = False  # values are names out of code


KINDS = {
    kind.name: kind
    for kind in (
        Kind("prompts", "Spend by prompt", "Prompt", ("prompt",), has_codes=True),
        Kind("api-keys", "Spend by API key", "API key", ("key",)),
        Kind("teams", "Spend by team", "Team", ("team",)),
        Kind("models", "Spend by model", "Model", ("provider", "model"), has_codes=True),
        Kind("providers", "Spend by provider", "Provider", ("provider",)),
        Kind("tags", "Spend by tag", "Tag", ("tag",), has_codes=True),
    )
}


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head: sorts by it, the other way round when it is the order already."""

    label: str
    href: str
    order: Order
    sorted: str  # "ascending", "descending" or "": as in aria-sort
    under: str  # the column that narrow windows show below this one


@dataclass(frozen=True, slots=True)
class TableRow:
    row: Row
    key: str  # the same in every answer
    name: str
    is_code: bool
    filter_href: str  # shows only this, or all again
    filter_words: str
    is_chosen: bool
    opens_href: str = ""  # a closer look


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    kind: Kind
    heads: Sequence[Head]
    rows: Sequence[TableRow]
    count: int  # of the rows that fit the search
    full_count: int
    largest_pico_usd: int
    search: str
    is_full: bool
    toggle_href: str  # all rows, or the first ones again
    hidden: Mapping[str, str]  # what the search's form sends beside the text
    export_href: str

    @property
    def is_cut(self) -> bool:
        return not self.is_full and self.full_count > len(self.rows)


class Asked:
    """The parameters of an address that are the dashboard's own: `by`, `sort.<table>`, `all`, `find.<table>`.

    What cannot be read is what is not there: none of it changes a figure.
    """

    def __init__(self, params: Mapping[str, str]) -> None:
        self.stack_by: StackBy = _STACKS.get(params.get("by", ""), "")
        self.orders = {name: _read_order(params.get(f"sort.{name}", "")) for name in KINDS}
        self.full = {name for name in params.get("all", "").split(",") if name in KINDS}
        self.searches = {name: params.get(f"find.{name}", "").strip()[:_MAX_SEARCH] for name in KINDS}

    def parameters(self, **changes: Any) -> dict[str, str]:
        """As in addresses, defaults left out. `changes` are by="model", sort=("teams", "name"), toggle="teams"."""
        found = {"by": changes.get("by", self.stack_by)}
        for name in KINDS:
            table, order = changes.get("sort", ("", ""))
            found[f"sort.{name}"] = _write_order(order if table == name else self.orders[name])
        full = self.full ^ {changes["toggle"]} if "toggle" in changes else self.full
        found["all"] = ",".join(sorted(full))
        found |= {f"find.{name}": text for name, text in self.searches.items() if name in full}
        return {name: value for name, value in found.items() if value}


def build(kind: Kind, rows: Sequence[Row], bar: FilterBar, asked: Asked) -> Table:
    """What was searched for counts while all rows are shown: the form of the search is there only then."""
    column, is_descending = asked.orders[kind.name]
    ranked = reports.sort_rows(rows, column, is_descending)
    search = asked.searches[kind.name] if kind.name in asked.full else ""
    fitting = [row for row in ranked if search.casefold() in f"{row.name} {row.title} {row.team_name}".casefold()]
    is_full = kind.name in asked.full
    shown = fitting if is_full else fitting[:FIRST_ROWS]
    chosen, own = bar.filters.parameters(), asked.parameters()
    hidden = {**chosen, **own}
    hidden.pop(f"find.{kind.name}", None)
    return Table(
        kind=kind,
        heads=_heads(kind, bar, asked),
        rows=[_table_row(kind, row, bar, chosen, own) for row in shown],
        count=len(fitting),
        full_count=len(ranked),
        largest_pico_usd=max((row.sums.cost_pico_usd for row in ranked), default=0),
        search=search,
        is_full=is_full,
        toggle_href=address(bar.action, chosen, asked.parameters(toggle=kind.name)),
        hidden=hidden,
        export_href=address(f"{bar.action}export/{kind.name}.csv", chosen),
    )


def stack_links(bar: FilterBar, asked: Asked) -> list[Link]:
    """What the trend can be stacked by."""
    choices = {"": "Total", "provider": "By provider", "model": "By model"}
    return [
        Link(label, address(bar.action, bar.filters.parameters(), asked.parameters(by=by)), by == asked.stack_by)
        for by, label in choices.items()
    ]


def address(path: str, *parameters: Mapping[str, str]) -> str:
    query = urlencode({name: value for part in parameters for name, value in part.items()})
    return f"{path}?{query}" if query else path


def _table_row(kind: Kind, row: Row, bar: FilterBar, chosen: Mapping[str, str], own: Mapping[str, str]) -> TableRow:
    """`chosen` are the parameters of the filters as they are, `own` those of the page."""
    values = dict(zip(kind.parameters, row.value if isinstance(row.value, tuple) else (row.value,), strict=True))
    narrowed = bar.filters.parameters(**values)
    is_chosen = all(name in chosen and chosen[name] == narrowed.get(name) for name in values)
    target = bar.filters.parameters(**dict.fromkeys(values)) if is_chosen else narrowed
    has_versions = kind.name == "prompts"
    name = _name(kind, row)
    every = "Show all prompts again" if has_versions else "Show all again"
    return TableRow(
        row=row,
        key="/".join(narrowed[name] for name in kind.parameters),
        name=name,
        is_code=kind.has_codes and bool(row.value),
        filter_href=address(bar.action, target, own),
        filter_words=every if is_chosen else f"Show only {name}",
        is_chosen=is_chosen,
        opens_href=address(f"{bar.action}versions/", narrowed) if has_versions else "",
    )


def _name(kind: Kind, row: Row) -> str:
    """As people write it. A tag may have the name of what has none."""
    if kind.name == "providers":
        return provider_names.name_of(row.name)
    return f"“{row.name}”" if kind.name == "tags" and row.value == reports.UNTAGGED else row.name


def _heads(kind: Kind, bar: FilterBar, asked: Asked) -> list[Head]:
    labels: dict[Order, str] = {
        "name": kind.first,
        "requests": "Requests",
        "average": "Average",
        "cost": "Cost",
        "change": "Change",
    }
    current, is_descending = asked.orders[kind.name]
    heads = []
    for order, label in labels.items():
        # Names read from A, figures from the largest.
        turned = not is_descending if order == current else order != "name"
        href = address(bar.action, bar.filters.parameters(), asked.parameters(sort=(kind.name, (order, turned))))
        direction = "descending" if is_descending else "ascending"
        heads.append(Head(label, href, order, direction if order == current else "", _UNDER.get(order, "")))
    return heads


def _read_order(text: str) -> tuple[Order, bool]:
    name = text.removeprefix("-")
    return (name, text.startswith("-")) if name in ORDERS else ("cost", True)


def _write_order(order: tuple[Order, bool]) -> str:
    name, is_descending = order
    return "" if order == ("cost", True) else f"{'-' if is_descending else ''}{name}"
