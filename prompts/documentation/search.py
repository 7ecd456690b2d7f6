"""Finds sections of the documentation by words. Pure: pages in, ranked finds with excerpts out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log1p

from prompts.documentation.page import Page, Section

MOST_FINDS = 30
MOST_WORDS = 8
_WORD = re.compile(r"[\w-]+(?:[./][\w-]+)*")
_EXCERPT = 170
_MOST_PLACES = 200


@dataclass(frozen=True, slots=True)
class Find:
    """`parts` is the excerpt: (text, whether it was searched for). `anchor` may be that of a row of a table."""

    page: Page
    section: Section
    anchor: str
    score: float
    parts: tuple[tuple[str, bool], ...]

    @property
    def address(self) -> str:
        return self.page.address + (f"#{self.anchor}" if self.anchor else "")


def find(pages: Iterable[Page], query: str) -> list[Find]:
    """Best first. A section must have every word, or one that begins so, in itself or in its page's title."""
    words = list(dict.fromkeys(_WORD.findall(query.lower())))[:MOST_WORDS]
    if not words:
        return []
    finds = []
    for page in pages:
        for section in page.sections:
            score = _score(page, section, words)
            if score:
                row = next((word for word in words if word in section.rows), "")
                parts = excerpt(section.text, words)
                finds.append(Find(page, section, row or section.id, score + 6 * bool(row), parts))
    finds.sort(key=lambda one: -one.score)  # stable: equals stay in the order of reading
    return finds[:MOST_FINDS]


def _score(page: Page, section: Section, words: Sequence[str]) -> float:
    title, heading, text = page.title.lower(), section.heading.lower(), section.text.lower()
    total = 0.0
    for word in words:
        begins = re.compile(rf"(?<![^\W_]){re.escape(word)}")
        whole = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        score = 9.0 * bool(begins.search(heading)) + 5 * bool(whole.search(heading))
        score += (6.0 if not section.id else 1.5) * bool(begins.search(title))
        score += log1p(len(begins.findall(text))) + log1p(len(whole.findall(text)))
        if not score:
            return 0
        total += score
    phrase = " ".join(words)
    exact = (heading or title) == phrase
    return total + 8 * exact + (4 if len(words) > 1 and phrase in f"{heading} {text}" else 0)


def excerpt(text: str, words: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """Where most of the words stand together, with every find marked."""
    pattern = re.compile("|".join(rf"(?<![^\W_]){re.escape(word)}" for word in words), re.IGNORECASE)
    places = [(match.start(), match[0].lower()) for match in pattern.finditer(text)][:_MOST_PLACES]
    near = {at: {word for other, word in places if at <= other < at + _EXCERPT - 60} for at, _ in places}
    best = max(near, key=lambda at: len(near[at]), default=0)  # the first of equals
    start = max(0, best - 50)
    if start:
        start = text.find(" ", start) + 1 or start
    end = start + _EXCERPT
    if end < len(text):
        end = max(text.rfind(" ", start, end), start + 1)
    shown, parts, at = text[start:end], list[tuple[str, bool]](), 0
    for match in pattern.finditer(shown):
        parts += [(shown[at : match.start()], False), (match[0], True)]
        at = match.end()
    parts.append((shown[at:], False))
    whole = [("... ", False)] * bool(start) + parts + [(" ...", False)] * (end < len(text))
    return tuple(part for part in whole if part[0])
