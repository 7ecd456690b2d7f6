"""How many questions a key, or somebody signed in, may ask the REST API in a minute: API_REQUESTS_PER_MINUTE."""

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from orgs.key_cache import KeyFacts

_MINUTE = 60


class PerMinute(BaseThrottle):
    """Counts by minutes of the clock. Where the count is away nobody is refused."""

    def allow_request(self, request: Request, view: Any) -> bool:
        most = settings.API_REQUESTS_PER_MINUTE
        return not most or _count(_name_of(request)) <= most

    def wait(self) -> float:
        return _MINUTE - time.time() % _MINUTE


def _name_of(request: Request) -> str:
    asking = f"key-{request.auth.api_key_id}" if isinstance(request.auth, KeyFacts) else f"user-{request.user.pk}"
    return f"api-questions:{asking}:{int(time.time()) // _MINUTE}"


def _count(name: str) -> int:
    try:
        cache.add(name, 0, 2 * _MINUTE)
        return int(cache.incr(name))
    except (RedisError, ValueError):  # ValueError: thrown out of the cache in between
        return 0
