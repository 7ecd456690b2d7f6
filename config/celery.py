"""The Celery application. Its settings are the CELERY_ block of `config/settings.py`."""

import os

from celery import Celery
from kombu import transport

from config.metrics import workers  # noqa: F401 - counts the tasks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

transport.TRANSPORT_ALIASES |= dict.fromkeys(("redis", "rediss"), "config.broker:Transport")

app = Celery("ai_prompt_cost")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
