"""`manage.py purge_organizations`: what happens by itself four times a day, for those who cannot wait."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import purging


class Command(BaseCommand):
    help = "Purge all data of organizations that were deleted more than 30 days ago."

    def handle(self, *args: Any, **options: Any) -> None:
        count = purging.purge_due(now=timezone.now(), patience_seconds=float("inf"))
        self.stdout.write(f"Purged {count} organization{'' if count == 1 else 's'}.")
