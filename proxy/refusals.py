"""Refused calls of known keys on their way to the page that explains them: from the event loop to the shipper's thread.

Kept in memory for half a second at most, bounded, and lost with the process: a help for people, no accounting.
"""

import logging
import threading
from collections import deque
from datetime import UTC, datetime

from django.db import Error

from orgs.key_cache import KeyFacts
from orgs.services import refusals

log = logging.getLogger(__name__)

MAX_ORGANIZATIONS = 1000


class RefusalQueue:
    def __init__(self) -> None:
        self._lock = threading.Lock()  # held for an append or an exchange, never during I/O
        self._noted: dict[int, deque[refusals.Refused]] = {}

    def note(self, key: KeyFacts, code: str) -> None:
        """Called on the event loop. What is beyond the bounds is forgotten, the oldest first."""
        refused = refusals.Refused(key.organization_id, key.api_key_id, code, datetime.now(UTC))
        with self._lock:
            of_organization = self._noted.get(key.organization_id)
            if of_organization is None:
                if len(self._noted) >= MAX_ORGANIZATIONS:
                    return
                of_organization = self._noted[key.organization_id] = deque(maxlen=refusals.KEPT)
            of_organization.append(refused)

    def write_out(self) -> None:
        """Called in the shipper's thread. What the database does not take is dropped: it must not pile up."""
        with self._lock:
            noted, self._noted = self._noted, {}
        for organization_id, refused in noted.items():
            try:
                refusals.record(organization_id=organization_id, refused=refused)
            except Error as error:
                log.warning("%d refused calls are not kept (%s)", len(refused), type(error).__name__)
