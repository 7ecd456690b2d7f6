"""The lean upstream client: HTTP/1.1 (RFC 9112) on asyncio.Protocol, behind the interface of `proxy.upstream`.

It does what this proxy needs and nothing besides: no redirects, no cookies, no decompression, no web proxies. Framing
that two readers could understand in two ways is an error, never passed on, and ends its connection.

Reading order: heads, layouts, bodies, reader (what an answer's bytes mean: pure, no I/O); requests (the way out, pure);
exchange (one request and its answer, which is what the caller holds); upload; connection; dialing; pool; client.
"""

from proxy.http1.client import LeanUpstream

__all__ = ["LeanUpstream"]
