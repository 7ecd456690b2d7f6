"""The Celery application. Its settings are the CELERY_ block of `config/settings.py`."""

import os
import sys

from celery import Celery
from kombu import transport

from config.metrics import workers  # noqa: F401 - counts the tasks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

transport.TRANSPORT_ALIASES |= dict.fromkeys(("redis", "rediss"), "config.broker:Transport")

_path = list(sys.path)
app = Celery("ai_prompt_cost")
sys.path[:] = _path  # Celery puts the working directory first, in which modules with the names of ours may lie.
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
