"""`manage.py worker`: becomes the Celery worker that posts usage records to the ledger in the production set-up."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Run the Celery worker (production set-up)."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IS_TRIAL:
            raise CommandError(
                "Trial mode has no worker: the server posts usage records itself. Set DATABASE_URL and REDIS_URL first."
            )
        # Its greeting is no JSON.
        quiet = ["--quiet"] if settings.LOG_FORMAT == "json" else []
        celery = [sys.executable, "-m", "celery", *quiet, "-A", "config", "worker", "--loglevel", settings.LOG_LEVEL]
        # Gossip, mingle and heartbeats only serve tools that watch workers.
        celery += ["--pool", "prefork", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        os.execv(celery[0], celery)  # noqa: S606
