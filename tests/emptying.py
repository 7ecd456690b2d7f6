"""Emptying the test database after what commits, by Django's `flush` without what it writes again each time: the
content types and the permissions. They stay.
"""

from typing import Any

from django.core.management.commands import flush

_STAY = {"auth_permission", "django_content_type"}


def keep_what_migrating_writes() -> None:
    flush.sql_flush = _sql_flush  # type: ignore[attr-defined]
    flush.emit_post_migrate_signal = _write_nothing  # type: ignore[attr-defined]


def _sql_flush(style: Any, connection: Any, *, reset_sequences: bool = True, allow_cascade: bool = False) -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    emptied = sorted(set(names) - _STAY)
    statements: list[str] = connection.ops.sql_flush(
        style, emptied, reset_sequences=reset_sequences, allow_cascade=allow_cascade
    )
    return statements


def _write_nothing(*arguments: object, **named: object) -> None:
    pass
