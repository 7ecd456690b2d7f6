"""Every address that Django's resolver knows, as its routes are written and as they are asked for."""

import re
from collections.abc import Iterator, Mapping

from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver


def all_routes(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from all_routes(pattern, route)


ROUTES = list(dict.fromkeys(all_routes()))


def parts_of(route: str) -> list[str]:
    """The names of what an address of the route has to be filled with."""
    return re.findall(r"(?:\(\?P)?<(?:\w+:)?(\w+)>", route)


def address(route: str, named: Mapping[str, object]) -> str:
    path = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", lambda found: str(named[found[1]]), route)
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(named[found[1]]), path)
    path = path.replace("(?:/[\\s\\S]*)?", "/nothing").replace("/?", "/").replace("\\Z", "")
    return "/" + path.replace("^", "").replace("$", "")
