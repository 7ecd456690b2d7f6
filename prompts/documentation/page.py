"""What a page of the documentation is, whatever it was made from."""

import re
from dataclasses import dataclass

from prompts.documentation.entries import Entry


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` 2 or 3, as in HTML. `short` is for lists of headings."""

    id: str
    text: str
    level: int = 2
    short: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under a heading, as words alone: for the search. The text before the first one has no `id`.

    `rows` are the ids of the rows of its tables, which are the names that they explain.
    """

    id: str
    heading: str
    text: str
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    slug: str
    title: str
    headings: tuple[Heading, ...]
    html: str  # safe: raw HTML in the files is escaped
    sections: tuple[Section, ...] = ()
    entries: tuple[Entry, ...] = ()  # of the reference alone

    @property
    def address(self) -> str:
        return f"/docs/{self.slug}/"

    @property
    def summary(self) -> str:
        """Its first words, for search engines."""
        words = self.sections[0].text if self.sections else ""
        return words if len(words) <= 155 else words[:155].rsplit(" ", 1)[0].rstrip(",;:.") + "..."


class NoSuchPage(LookupError):
    """The documentation for users has no page of that name."""


def anchor_of(text: str) -> str:
    """As GitHub makes them, so that links between the files work in both places."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
