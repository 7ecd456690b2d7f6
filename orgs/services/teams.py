"""Making, renaming and archiving teams. A team that has spent is archived, never deleted."""

from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from orgs.models import ApiKey, Organization, Team
from orgs.services import audit, keys


@transaction.atomic
def create(*, organization: Organization, name: str, by: AbstractBaseUser | None = None) -> Team:
    """Raises `ValidationError` when the name is empty, too long or taken, be it by an archived team."""
    _lock_names(organization.pk)
    team = Team(organization=organization, name=_tidy(name))
    team.full_clean()
    team.save(force_insert=True)
    audit.record(organization_id=organization.pk, action="team.created", target=team.name, by=by)
    return team


@transaction.atomic
def create_with_key(
    *,
    organization: Organization,
    name: str,
    by: AbstractBaseUser | None = None,
    description: str = "",
    form_id: UUID | None = None,
) -> tuple[ApiKey, str]:
    """A team and its first key at once, or neither. Raises what `create` and `keys.issue` raise."""
    _lock_names(organization.pk)
    keys.refuse_second_use(form_id, organization.pk)
    team = create(organization=organization, name=name, by=by)
    return keys.issue(team=team, by=by, description=description, form_id=form_id)


@transaction.atomic
def rename(*, team: Team, name: str, by: AbstractBaseUser | None = None) -> None:
    """Past spend goes by the new name too. Raises `ValidationError` when the name is empty, too long or taken."""
    _lock_names(team.organization_id)
    locked = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    before, locked.name = locked.name, _tidy(name)
    if locked.name != before:
        locked.full_clean()
        locked.save(update_fields=["name"])
        audit.record(
            organization_id=locked.organization_id, action="team.renamed", target=locked.name, by=by, before=before
        )
    team.name = locked.name


@transaction.atomic
def archive(*, team: Team, by: AbstractBaseUser | None = None, revoke_keys: bool = True) -> None:
    """Its past spend stays. Its keys are revoked, since nobody could see any more what they spend.

    With `revoke_keys=False` raises `ValidationError` naming the keys that are active, and changes nothing.
    """
    locked = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    if not locked.is_archived:
        active = list(locked.api_keys.active().order_by("id"))
        if active and not revoke_keys:
            raise ValidationError(
                "Revoke its active keys first: %(keys)s.",
                code="active_keys",
                params={"keys": ", ".join(key.label for key in active)},
            )
        locked.archived_at = timezone.now()
        locked.save(update_fields=["archived_at"])
        for key in active:
            keys.revoke(key=key, by=by)
        audit.record(organization_id=locked.organization_id, action="team.archived", target=locked.name, by=by)
    team.archived_at = locked.archived_at


def _tidy(name: str) -> str:
    return " ".join(name.split())


def _lock_names(organization_id: int) -> None:
    # Two people who take the same name at the same moment: the second one sees the first one's team.
    Organization.objects.select_for_update(no_key=True).get(pk=organization_id)
