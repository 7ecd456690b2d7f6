"""Settings, URLs and the ASGI and Celery entry points. Imports no app, except by dotted name."""

from config.celery import app as celery_app

__all__ = ["VERSION", "celery_app"]

VERSION = "0.1.0"  # as in pyproject.toml
