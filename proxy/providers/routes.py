"""A provider's routes: which of them cost something, and what of their answers is read. Pure.

A pattern is a path whose ids are `{id}`; one that ends in `/*` stands for everything below it. Every pattern may be
read back, listed and deleted (GET, HEAD, DELETE), which is free with both providers; creating is a POST.
"""

from collections.abc import Iterable, Mapping

from proxy.providers.base import Route

OTHER = "other"
_ID, _REST = "{id}", "*"
_FREE_METHODS = ("GET", "HEAD", "DELETE")

OTHER_READ = Route(OTHER, "free")
OTHER_MADE = Route(OTHER, "unmetered")


class RouteTable:
    """All known routes of one provider."""

    def __init__(self, *, posts: Iterable[Route], gets: Iterable[Route], free: str, unmetered: str, read: str) -> None:
        """`posts` and `gets` are those whose bodies or answers are read. `free` and `unmetered` are the other POSTs,
        `read` the patterns without a POST, each a text of patterns.
        """
        named = {route.name: route for route in posts}
        named |= {name: Route(name, "free") for name in free.split()}
        named |= {name: Route(name, "unmetered") for name in unmetered.split()}
        self.posts: Mapping[str, Route] = named
        self.gets: Mapping[str, Route] = {route.name: route for route in gets}
        self.patterns = frozenset((*self.posts, *self.gets, *read.split()))
        self._tree: dict[str, object] = {}
        for pattern in self.patterns:
            self._plant(pattern)

    def find(self, method: str, route: str) -> Route:
        """The route of a normalised path: never fails, what is unknown is "other"."""
        pattern = route if route in self.patterns else self._match(route.split("/"))
        if method == "POST":
            found = self.posts.get(pattern)
            return found or (Route(pattern, "unmetered") if pattern else OTHER_MADE)
        if method in _FREE_METHODS:
            found = self.gets.get(pattern) if method == "GET" else None
            return found or (Route(pattern, "free") if pattern else OTHER_READ)
        return Route(pattern, "unmetered") if pattern else OTHER_MADE

    def _plant(self, pattern: str) -> None:
        node = self._tree
        for segment in pattern.split("/"):
            child = node.setdefault(segment, {})
            assert isinstance(child, dict)
            node = child
        node[""] = pattern

    def _match(self, segments: list[str]) -> str:
        node: dict[str, object] = self._tree
        rest = ""
        for segment in segments:
            rest = _pattern_at(node.get(_REST)) or rest
            child = node.get(segment, node.get(_ID)) if segment not in {_ID, _REST, ""} else node.get(_ID)
            if not isinstance(child, dict):
                return rest
            node = child
        return _pattern_at(node) or rest


def _pattern_at(node: object) -> str:
    found = node.get("") if isinstance(node, dict) else None
    return found if isinstance(found, str) else ""


def id_in(pattern: str, route: str) -> str:
    """What stands in `route` where its pattern has the first `{id}`; "" where it has none."""
    for meant, segment in zip(pattern.split("/"), route.split("/"), strict=False):
        if meant == _ID:
            return segment
    return ""
