"""The clock that what goes for its age goes by. All else goes by `django.utils.timezone.now`."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def no_later_than_the_database() -> datetime:
    """Now, by two clocks, of which the later one is not believed: one that runs ahead by years removes nothing."""
    now = timezone.now()
    if connection.vendor != "postgresql":
        return now
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        there: datetime = cursor.fetchone()[0]
    return min(now, there)
