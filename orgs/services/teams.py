"""Making and archiving teams. A team that has spent is archived, never deleted."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from orgs.models import Organization, Team
from orgs.services import audit, keys


@transaction.atomic
def create(*, organization: Organization, name: str, by: AbstractBaseUser | None = None) -> Team:
    """Raises `ValidationError` when the name is empty, too long or taken, be it by an archived team."""
    team = Team(organization=organization, name=" ".join(name.split()))
    team.full_clean()
    team.save(force_insert=True)
    audit.record(organization_id=organization.pk, action="team.created", target=team.name, by=by)
    return team


@transaction.atomic
def archive(*, team: Team, by: AbstractBaseUser | None = None) -> None:
    """Also revokes the team's keys, since nobody could see any more what they spend. Its past spend stays."""
    locked = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    if not locked.is_archived:
        locked.archived_at = timezone.now()
        locked.save(update_fields=["archived_at"])
        for key in locked.api_keys.active().order_by("id"):
            keys.revoke(key=key, by=by)
        audit.record(organization_id=locked.organization_id, action="team.archived", target=locked.name, by=by)
    team.archived_at = locked.archived_at
