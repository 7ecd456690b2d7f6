"""The one place that writes audit entries. Every service calls it in the transaction of its act."""

from django.contrib.auth.base_user import AbstractBaseUser

from orgs.models import AuditEntry

MAX_TARGET_LENGTH = 300


def record(
    *, organization_id: int, action: str, target: str, by: AbstractBaseUser | None = None, **details: str | int | None
) -> AuditEntry:
    """`by=None`: a command, or the service itself. Neither `target` nor `details` may hold a key or a prompt's text."""
    return AuditEntry.objects.create(
        organization_id=organization_id,
        actor_id=by.pk if by is not None else None,
        action=action,
        target=target[:MAX_TARGET_LENGTH],
        details=details,
    )
