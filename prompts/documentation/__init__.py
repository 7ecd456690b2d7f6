"""The documentation for users: files of `docs/`, rendered for our pages, and searched. Nothing else of it is shown.

`pages` says which files there are and in which groups, `rendering` makes HTML of one, `reference` reads the page of the
API out of its OpenAPI schema, `search` finds sections.
"""

from prompts.documentation.page import Heading, NoSuchPage, Page, Section
from prompts.documentation.pages import GROUPS, REFERENCE, SLUGS, Group, Site, get_page, read_all

__all__ = [
    "GROUPS",
    "REFERENCE",
    "SLUGS",
    "Group",
    "Heading",
    "NoSuchPage",
    "Page",
    "Section",
    "Site",
    "get_page",
    "read_all",
]
