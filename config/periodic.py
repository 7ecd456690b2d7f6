"""When the periodic tasks run: CELERY_BEAT_SCHEDULE of `config.settings`. What they do stands in the apps.

`manage.py beat` sends them in production; in trial mode `config.clock` runs them.
"""

from typing import Any

from celery.schedules import crontab

MINUTE, HOUR = 60.0, 3600.0  # seconds

# By the clock (UTC) what is seldom: a container with Celery's clock that is made anew every few hours has forgotten
# when they ran last, and would begin to wait again each time.
SCHEDULE: dict[str, dict[str, Any]] = {
    "condense roll-ups": {"task": "analytics.condense_rollups", "schedule": 30 * MINUTE},
    "look at budgets": {"task": "analytics.look_at_budgets", "schedule": 5 * MINUTE},
    "look at prices": {"task": "analytics.look_at_prices", "schedule": MINUTE},
    "prune created objects": {"task": "analytics.prune_created_objects", "schedule": crontab(hour="2", minute="10")},
    "keep months": {"task": "analytics.keep_months", "schedule": HOUR},
    "remove what is old": {"task": "analytics.remove_what_is_old", "schedule": HOUR},
    "check the ledger": {"task": "analytics.check_ledger", "schedule": crontab(hour="3", minute="20")},
    "remove old invitations": {"task": "accounts.remove_old_invitations", "schedule": crontab(hour="2", minute="40")},
    "purge deleted organizations": {
        "task": "accounts.purge_organizations",
        "schedule": crontab(hour="*/6", minute="50"),
    },
}

# Only with COLUMN_STORE_URL.
OF_COLUMN_STORE: dict[str, dict[str, Any]] = {
    "copy records": {"task": "analytics.copy_records", "schedule": 20.0},
}
