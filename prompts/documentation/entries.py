"""What the page of the API reference consists of: one entry for each endpoint and each object. HTML in it is safe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    kind: str  # HTML
    text: str  # HTML
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`also` are the objects whose fields come behind: (anchor, name)."""

    title: str
    rows: tuple[Row, ...]
    also: tuple[tuple[str, str], ...] = ()
    has_required: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """`method` and `path` are empty for an object; `group` begins a new part of the page where it is not empty."""

    id: str
    title: str
    method: str
    path: str
    summary: str
    text: str  # HTML
    tables: tuple[Table, ...]
    examples: tuple[tuple[str, str], ...] = ()
    group: str = ""
