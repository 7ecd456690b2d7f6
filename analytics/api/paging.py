"""Pages of a list. All pages of an answer are of one moment, so that its rows come once each and add up to its total.

The first page keeps the whole answer in the cache for as long as one may take to come for the next page. A cursor says
which answer and how far; it is signed, and good for the question that it was given for. Where the answer is not kept
any more it is made anew, and serves as well if it is the same one: that of days long gone always is.
"""

import logging
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Any

import msgspec
from django.core import signing
from django.core.cache import cache
from redis.exceptions import RedisError

from analytics.api_errors import BadParameter
from analytics.periods import Period

KEPT_SECONDS = 900
MOST_AT_ONCE = 1000
_signer = signing.Signer(salt="analytics.api.paging", sep=".")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """How far an answer has been read; `question` and `answer` are digests."""

    question: str
    period: Period
    answer: str
    offset: int

    def __str__(self) -> str:
        days = (self.period.start.isoformat(), self.period.end.isoformat())
        return str(_signer.sign_object([self.question, *days, self.answer, self.offset]))


def digest_of(content: bytes) -> str:
    return blake2b(content, digest_size=12).hexdigest()


def read_cursor(text: str, question: str) -> Place:
    """Raises `BadParameter` for what no answer has given, or has given for another question."""
    try:
        of_question, start, end, answer, offset = _signer.unsign_object(text)
    except (signing.BadSignature, ValueError):
        message = "No answer has given this cursor. Send next_cursor as it came, or leave it out to begin anew."
        raise BadParameter("cursor", message) from None
    if of_question != question:
        message = "The cursor is that of another question. Send all other parameters as before, or leave it out."
        raise BadParameter("cursor", message)
    return Place(question, Period(date.fromisoformat(start), date.fromisoformat(end)), answer, offset)


def first_page(answer: bytes, name: str, *, question: str, period: Period, limit: int | None) -> bytes:
    """The beginning of a whole answer's JSON, in which `name` is the list."""
    place = Place(question, period, digest_of(answer), 0)
    return _page(answer, name, place, limit, keep=lambda: _keep(place.answer, answer))


def next_page(name: str, place: Place, limit: int | None, make: Callable[[], bytes]) -> bytes:
    """What follows at a place of an answer. `make` makes the whole of it, if it is still the same.

    Raises `BadParameter` where it is not, and is not kept any more.
    """
    answer = _find(place.answer)
    if answer is None:
        answer = make()
        if digest_of(answer) != place.answer:
            message = f"The figures have changed, and the answer is kept for {KEPT_SECONDS // 60} minutes only. "
            raise BadParameter("cursor", message + "Leave the cursor out to begin anew.", "expired_cursor")
    return _page(answer, name, place, limit, keep=lambda: _keep(place.answer, answer))


def _page(answer: bytes, name: str, place: Place, limit: int | None, keep: Callable[[], None]) -> bytes:
    parts: Mapping[str, Any] = msgspec.json.decode(answer, type=dict[str, msgspec.Raw])
    rows = msgspec.json.decode(parts[name], type=list[msgspec.Raw])
    end = len(rows) if limit is None else place.offset + limit
    following = None
    if end < len(rows):
        keep()
        following = str(Place(place.question, place.period, place.answer, end))
    page = {name: rows[place.offset : end], "next_cursor": following}
    return msgspec.json.encode(page | {key: part for key, part in parts.items() if key != name}) + b"\n"


def _keep(digest: str, answer: bytes) -> None:
    """Not being able to is no failure: the next page may do without."""
    try:
        cache.set(_name_of(digest), zlib.compress(answer, 1), KEPT_SECONDS)
    except RedisError:
        _logger.warning("An answer could not be kept for its next page: Redis is away.")


def _find(digest: str) -> bytes | None:
    try:
        kept = cache.get(_name_of(digest))
    except RedisError:
        return None
    return None if kept is None else zlib.decompress(kept)


def _name_of(digest: str) -> str:
    return f"api-answer:{digest}"
