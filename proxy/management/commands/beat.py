"""`manage.py beat`: becomes Celery's clock, which sends the periodic tasks. One per installation."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Run Celery's clock for periodic tasks (production set-up)."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IS_TRIAL:
            raise CommandError("Trial mode has no clock process: set DATABASE_URL and REDIS_URL first.")
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        # Its greeting is no JSON.
        quiet = ["--quiet"] if settings.LOG_FORMAT == "json" else []
        celery = [sys.executable, "-m", "celery", *quiet, "-A", "config", "beat", "--loglevel", settings.LOG_LEVEL]
        celery += ["--pidfile=", "--schedule", str(settings.DATA_DIR / "celerybeat-schedule")]
        os.execv(celery[0], celery)  # noqa: S606
