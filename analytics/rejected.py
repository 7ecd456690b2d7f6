"""Lines that could not be posted, and whose they are: posting notes it with each, older releases did not."""

import time
from collections import defaultdict

from django.db.models import Q, QuerySet

from analytics.models import RejectedRecord
from analytics.usage import decode_line

NOBODY = 0  # whoever it was, the line does not say so
_CHUNK = 500
_MAX_ID = 2**63 - 1


def owner_of(line: str) -> int:
    """The organization that the line names, or `NOBODY`."""
    try:
        organization_id = decode_line(line).organization_id
    except (ValueError, RecursionError):
        return NOBODY
    return organization_id if 0 < organization_id <= _MAX_ID else NOBODY


def lines_of(organization_id: int) -> QuerySet[RejectedRecord]:
    """Those that `name_owners` has not come to yet are known by their text, which is as the journal writes it."""
    unnamed = Q(organization_id=None, line__contains=f'"organization_id":{organization_id},')
    return RejectedRecord.objects.filter(Q(organization_id=organization_id) | unnamed)


def name_owners(*, until: float = float("inf")) -> bool:
    """Note whose the lines are of which it was not noted. False when the time (of `time.monotonic`) was over before.

    Not a migration: the last release's workers, which run on beside it, do not note it.
    """
    unnamed = RejectedRecord.objects.filter(organization_id=None)
    while rows := list(unnamed.values_list("pk", "line")[:_CHUNK]):
        if time.monotonic() > until:
            return False
        by_owner = defaultdict(list)
        for pk, line in rows:
            by_owner[owner_of(line)].append(pk)
        for owner, pks in by_owner.items():
            RejectedRecord.objects.filter(pk__in=pks).update(organization_id=owner)
    return True
