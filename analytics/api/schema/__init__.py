"""The OpenAPI schema: what the REST API and the proxy's metered routes take and answer, in one document.

`components` says what is in the objects, `totals` and `operations` annotate the views by means of `annotating`, and
`proxied` adds the proxy, which is none of REST framework's. The page of the API reference is made from it, and tests
hold the answers of the API to it.
"""

from functools import lru_cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from analytics.api.listings import LISTINGS
from analytics.api.schema.annotating import SECURITY_SCHEMES
from analytics.api.schema.components import COMPONENTS
from analytics.api.schema.links import add_links
from analytics.api.schema.proxied import PATHS

__all__ = ["get_schema"]


_DESCRIPTION = "The proxy's metered routes, and what an organization spent: totals, requests, receipts, CSV files."


@lru_cache(maxsize=4)
def get_schema(public_url: str) -> dict[str, Any]:
    """The whole document. The same object every time: not to be changed."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    # Addresses are served with and without the slash at the end; the documented ones are without.
    own = {path.rstrip("/"): operations for path, operations in made["paths"].items()}
    add_links(own)
    return {
        "openapi": made["openapi"],
        "info": made["info"] | {"description": _DESCRIPTION},
        "servers": [{"url": public_url}],
        "paths": PATHS | {path: own[path] for path in sorted(own, key=_place)},
        "components": {"schemas": COMPONENTS, "securitySchemes": SECURITY_SCHEMES},
    }


def _place(path: str) -> tuple[int, str]:
    """In the order in which they are explained."""
    order = ("monthly", *LISTINGS, "requests", "{call_id}", "{table}")
    last = path.rsplit("/", 1)[-1]
    return order.index(last) if last in order else len(order), path
