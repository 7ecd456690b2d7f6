"""What a proxied call must know about its platform key, kept in memory and made stale by the revocation log.

    KeyRefused
        UnknownKey              no such key, or a text that cannot be one
        RevokedKey
        OrganizationSuspended
    KeysUnavailable             the database is away and the key is not known here, or the grace period is over

One `KeyCache` lives in each process: the event loop reads it, worker threads fill it, one daemon thread polls the log.
"""

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
from django.db import Error, connection

from config.outages import is_unmigrated
from orgs import keys
from orgs.models import ApiKey, RevocationEntry
from orgs.revocation_log import RevocationLog

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
UNKNOWN_SECONDS = 10.0  # how long a key that the database does not know is refused without asking again
FILL_SECONDS = 5.0  # how long a call waits for the database to tell a key
FILL_THREADS = 4
FILL_ATTEMPTS = 5
MAX_WAITING_FILLS = 1000
MAX_KEYS = 100_000
MAX_REFUSED = 10_000


class KeyFacts(msgspec.Struct, frozen=True, gc=False):
    organization_id: int
    team_id: int
    api_key_id: int


class KeyRefused(Exception):
    """The key is no key to this service at this moment; asking again does not help. `facts`: whose it is, if known."""

    def __init__(self, facts: KeyFacts | None = None) -> None:
        super().__init__()
        self.facts = facts


class UnknownKey(KeyRefused):
    pass


class RevokedKey(KeyRefused):
    pass


class OrganizationSuspended(KeyRefused):
    pass


class KeysUnavailable(Exception):
    """Nothing can be said about the key now; asking again later helps."""


# What a fill comes to: the facts, or what makes the exception that says why not. Not the exception itself, since one
# that is raised many times keeps the frames of all of them.
Outcome = KeyFacts | Callable[[], Exception]


class StoredKey(msgspec.Struct, frozen=True):
    """A key as the database has it at one moment."""

    facts: KeyFacts
    is_revoked: bool
    is_organization_active: bool


def find_stored_key(digest: bytes) -> StoredKey | None:
    """One query. Raises Django's database errors."""
    of_organization = ("organization__is_active", "organization__deleted_at")
    columns = ("organization_id", "team_id", "id", "revoked_at", *of_organization)
    row = ApiKey.objects.filter(key_hash=digest).values_list(*columns).first()
    if row is None:
        return None
    organization_id, team_id, api_key_id, revoked_at, is_active, deleted_at = row
    accepts_keys = is_active and deleted_at is None
    return StoredKey(KeyFacts(organization_id, team_id, api_key_id), revoked_at is not None, accepts_keys)


class KeyCache:
    def __init__(
        self,
        grace_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        look_up: Callable[[bytes], StoredKey | None] = find_stored_key,
    ) -> None:
        """`grace_seconds`: how long warm keys go on working while the revocation log cannot be read."""
        self._grace = grace_seconds
        self._clock = clock
        self._look_up = look_up
        self._log = RevocationLog(clock)
        self._polled_at = clock()
        self._was_polled = False
        self.is_unmigrated = False  # the database is there, without the tables of this release
        self._lock = threading.Lock()  # for whoever writes; `find` reads without it, one dictionary look-up at a time
        self._facts: dict[bytes, KeyFacts] = {}
        self._digests: dict[int, bytes] = {}  # of the keys in `_facts`, by key id
        self._refused: OrderedDict[bytes, tuple[Callable[[], KeyRefused], float]] = OrderedDict()
        self._suspended: set[int] = set()
        self._generation = 0  # rises with every applied revocation
        self._fills: dict[bytes, asyncio.Future[Outcome]] = {}
        self.hits = self.misses = 0  # since the start
        self._workers = ThreadPoolExecutor(FILL_THREADS, thread_name_prefix="key-fill")
        self._stopping = threading.Event()
        self._poller: threading.Thread | None = None

    # Asked by the proxied call, on the event loop

    def find(self, key: str, digest: bytes = b"") -> KeyFacts | None:
        """The facts of a warm key, or None when the database must be asked. No I/O.

        Raises `KeyRefused` for a key known to be no good, `KeysUnavailable` when the grace period is over.
        """
        digest = digest or keys.digest(key)
        facts = self._facts.get(digest)
        if facts is None:
            self._raise_if_refused(key, digest)
            return None
        if self._clock() - self._polled_at > self._grace:
            raise KeysUnavailable
        if facts.organization_id in self._suspended:
            raise OrganizationSuspended(facts)
        self.hits += 1
        return facts

    async def get(self, key: str) -> KeyFacts:
        """`find`, else one query in a worker thread, shared by all who wait for the same key. Raises the same."""
        facts = self.find(key)
        if facts is not None:
            return facts
        if self._was_polled and self._clock() - self._polled_at > FILL_SECONDS:
            raise KeysUnavailable  # known without waiting; the log is read again as soon as the database answers
        outcome = await self._fill_once(keys.digest(key))
        if isinstance(outcome, KeyFacts):
            return outcome
        raise outcome()

    # The daemon thread

    def start(self) -> None:
        if self._poller is None:
            self._poller = threading.Thread(target=self._poll_until_stopped, name="key-revocations", daemon=True)
            self._poller.start()

    def stop(self) -> None:
        """Ends the thread. Warm keys are still found, for as long as the grace period lasts."""
        self._stopping.set()
        self._workers.shutdown(wait=False)
        if self._poller is not None:
            self._poller.join(FILL_SECONDS)

    def poll(self) -> None:
        """Apply what was added to the revocation log. Raises Django's database errors: the grace period runs on."""
        began_at = self._clock()
        entries = self._log.read_new()
        with self._lock:
            if entries:
                self._generation += 1
            for entry in entries:
                self._apply(entry)
            self._polled_at = began_at
            self._was_polled = True

    @property
    def known(self) -> int:
        """How many keys are in memory."""
        return len(self._facts)

    def silence(self) -> float | None:
        """Seconds since the revocation log was last read; None before the first time."""
        return self._clock() - self._polled_at if self._was_polled else None

    # How it works

    def _raise_if_refused(self, key: str, digest: bytes) -> None:
        if not keys.has_valid_form(key):
            raise UnknownKey
        with self._lock:
            refusal = self._refused.get(digest)
            if refusal is None:
                return
            reason, until = refusal
            if self._clock() < until:
                self._refused.move_to_end(digest)
                raise reason()
            del self._refused[digest]

    async def _fill_once(self, digest: bytes) -> Outcome:
        fill = self._fills.get(digest)
        self.misses += 1
        if fill is None:
            if self._stopping.is_set() or len(self._fills) >= MAX_WAITING_FILLS:
                return KeysUnavailable
            fill = asyncio.get_running_loop().run_in_executor(self._workers, self._fill, digest)
            self._fills[digest] = fill
            fill.add_done_callback(lambda _: self._fills.pop(digest, None))
        try:
            return await asyncio.wait_for(asyncio.shield(fill), FILL_SECONDS)
        except TimeoutError:
            return KeysUnavailable

    def _fill(self, digest: bytes) -> Outcome:
        """What the key is, or why it is refused. Runs in a worker thread."""
        try:
            for _ in range(FILL_ATTEMPTS):
                generation = self._generation
                stored = self._look_up(digest)
                with self._lock:
                    # A revocation that was applied meanwhile may concern this key, so what was read may be outdated.
                    if generation == self._generation:
                        return self._remember(digest, stored)
        except Error:
            logger.warning("A platform key could not be looked up: the database does not answer.")
        finally:
            connection.close()
        return KeysUnavailable

    def _remember(self, digest: bytes, stored: StoredKey | None) -> Outcome:
        if stored is None:
            return self._refuse(digest, UnknownKey, self._clock() + UNKNOWN_SECONDS)
        if stored.is_revoked:
            return self._refuse(digest, partial(RevokedKey, stored.facts), float("inf"))
        facts = stored.facts
        if digest not in self._facts and len(self._facts) >= MAX_KEYS:
            oldest = next(iter(self._facts))
            self._digests.pop(self._facts.pop(oldest).api_key_id, None)
        self._facts[digest] = facts
        self._digests[facts.api_key_id] = digest
        if not stored.is_organization_active:
            self._suspended.add(facts.organization_id)
            return partial(OrganizationSuspended, facts)
        return facts

    def _refuse(self, digest: bytes, reason: Callable[[], KeyRefused], until: float) -> Outcome:
        self._refused[digest] = (reason, until)
        self._refused.move_to_end(digest)
        if len(self._refused) > MAX_REFUSED:
            self._refused.popitem(last=False)
        return reason

    def _apply(self, entry: RevocationEntry) -> None:
        if entry.kind == RevocationEntry.Kind.ORGANIZATION_SUSPENDED:
            self._suspended.add(entry.organization_id)
        elif entry.kind == RevocationEntry.Kind.ORGANIZATION_RESUMED:
            self._suspended.discard(entry.organization_id)
        elif entry.api_key_id is not None:
            digest = self._digests.pop(entry.api_key_id, None)
            if digest is not None:
                facts = self._facts.pop(digest)
                self._refuse(digest, partial(RevokedKey, facts), float("inf"))

    def _poll_and_close(self) -> None:
        try:
            if not self._was_polled or self.is_unmigrated:
                self._look_up(b"")  # raises where columns that it needs are still to come
            self.poll()
        finally:
            connection.close()

    def _poll_until_stopped(self) -> None:
        is_away = False
        while not self._stopping.is_set():
            try:
                self._poll_and_close()
            except Exception as error:
                # Whatever it is, the thread lives on: without it no revocation would ever arrive here.
                self.is_unmigrated = is_unmigrated(error)
                if not is_away:
                    logger.exception("The revocation log cannot be read; known keys work for %g s more.", self._grace)
                is_away = True
            else:
                self.is_unmigrated = False
                if is_away:
                    logger.info("The revocation log is read again.")
                is_away = False
            self._stopping.wait(POLL_SECONDS)
