"""Which pages there are, in the order of reading."""

from dataclasses import dataclass
from pathlib import Path

from prompts.documentation.page import NoSuchPage, Page
from prompts.documentation.rendering import render_file

# Made from the OpenAPI schema; every other page is `docs/<slug>.md`.
REFERENCE = "api-reference"
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Start here", ("overview", "getting-started", "onboarding", "best-practices")),
    (
        "Send requests",
        ("integration", "openai", "anthropic", "frameworks", "metadata", "headers", "streaming", "sandbox"),
    ),
    ("See what it costs", ("dashboard", "requests", "comparing-versions", "accounting")),
    ("Manage", ("prompts", "prompt-builder", "api-keys", "teams", "organization")),
    ("Look up", ("api", REFERENCE, "proxy", "errors", "troubleshooting", "stored-data")),
    ("Run it yourself", ("operations", "deployment", "observability", "admin", "prices")),
)
SLUGS = tuple(slug for _, slugs in GROUPS for slug in slugs)
_FILES = frozenset(SLUGS) - {REFERENCE}


def read_all(folder: Path, public_url: str) -> list[Page]:
    """In the order of reading, without the reference."""
    return [get_page(folder, slug, public_url) for slug in SLUGS if (folder / f"{slug}.md").is_file()]


def get_page(folder: Path, slug: str, public_url: str) -> Page:
    """Raises `NoSuchPage`. Rendered once for each state of the file."""
    file = folder / f"{slug}.md"
    if slug not in _FILES or not file.is_file():
        raise NoSuchPage(slug)
    return render_file(file, public_url, SLUGS)


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """All pages as readers find them: in groups, one after the other."""

    groups: tuple[Group, ...]

    @classmethod
    def read(cls, folder: Path, public_url: str, reference: Page) -> "Site":
        pages = {page.slug: page for page in (*read_all(folder, public_url), reference)}
        groups = ((title, tuple(pages[slug] for slug in slugs if slug in pages)) for title, slugs in GROUPS)
        return cls(tuple(Group(title, found) for title, found in groups if found))

    @property
    def pages(self) -> tuple[Page, ...]:
        return tuple(page for group in self.groups for page in group.pages)

    def get(self, slug: str) -> Page:
        """Raises `NoSuchPage`."""
        for page in self.pages:
            if page.slug == slug:
                return page
        raise NoSuchPage(slug)

    def neighbours(self, page: Page) -> tuple[Page | None, Page | None]:
        """The page before and the page after."""
        pages = (None, *self.pages, None)
        at = pages.index(page)
        return pages[at - 1], pages[at + 1]
