"""`manage.py condense_rollups`: what happens by itself every half hour, for those who cannot wait."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from analytics import condensing


class Command(BaseCommand):
    help = "Condense the roll-ups of days, weeks and months that are over, so that long ranges are read faster."

    def handle(self, *args: Any, **options: Any) -> None:
        count = condensing.condense_due(now=timezone.now(), patience_seconds=float("inf"))
        self.stdout.write(f"Condensed {count} span{'' if count == 1 else 's'} of days.")
