"""The roles of staff: groups with rights, made by migrations. What a role may do is said here, in one place.

A role may do all that the one before it may. The right to `delete` stands for ending what is kept for ever: revoking,
archiving, withdrawing, removing, posting again (docs/admin.md). Superusers may do everything, and they alone make
superusers.
"""

from collections.abc import Iterable
from typing import Any

from django.apps import apps as current_apps

SUPPORT, OPERATOR, ADMIN = "Support", "Operator", "Admin"
ROLES = (SUPPORT, OPERATOR, ADMIN)

# Every model that has pages.
_SEEN = (
    "account.emailaddress",
    "accounts.user",
    "admin.logentry",
    "analytics.createdobject",
    "analytics.dailytagusage",
    "analytics.dailyusage",
    "analytics.ledgerdifference",
    "analytics.ledgerrecord",
    "analytics.modelprice",
    "analytics.rejectedrecord",
    "analytics.seenvalue",
    "analytics.usagebatch",
    "auth.group",
    "mfa.authenticator",
    "orgs.apikey",
    "orgs.auditentry",
    "orgs.invitation",
    "orgs.membership",
    "orgs.organization",
    "orgs.revocationentry",
    "orgs.team",
    "prompts.prompt",
    "prompts.promptactivation",
    "prompts.promptversion",
    "socialaccount.socialaccount",
)
_ENDED = (
    "analytics.rejectedrecord",
    "mfa.authenticator",
    "orgs.apikey",
    "orgs.invitation",
    "orgs.membership",
    "orgs.team",
    "prompts.prompt",
)
_KEPT = (
    "accounts.user",
    "orgs.membership",
    "orgs.organization",
    "orgs.team",
    "prompts.prompt",
    "prompts.promptversion",
)

# "app.codename", by the first role that has the right.
RIGHTS: dict[str, frozenset[str]] = {
    SUPPORT: frozenset(
        {
            *(f"{app}.view_{model}" for app, model in (label.split(".") for label in _SEEN)),
            "orgs.look_at_organization",
        }
    ),
    OPERATOR: frozenset(
        {
            *(f"{app}.delete_{model}" for app, model in (label.split(".") for label in _ENDED)),
            "accounts.lock_user",
            "orgs.suspend_organization",
        }
    ),
    ADMIN: frozenset(
        {
            *(
                f"{app}.{verb}_{model}"
                for app, model in (one.split(".") for one in _KEPT)
                for verb in ("add", "change")
            ),
            *(f"analytics.{verb}_modelprice" for verb in ("add", "change", "delete")),
            "accounts.delete_user",
            "accounts.give_roles",
            "orgs.change_apikey",
        }
    ),
}


def rights_of(role: str) -> set[str]:
    """All of them, those of the roles before included."""
    return {right for one in ROLES[: ROLES.index(role) + 1] for right in RIGHTS[one]}


def set_aside(apps: Any, schema_editor: Any = None) -> None:
    """Groups that somebody made for something else, under the names of the roles, get another name and keep their
    people and rights. For the migration that makes the roles.
    """
    groups = apps.get_model("auth", "Group").objects
    for role in ROLES:
        for group in groups.filter(name=role):
            names = (f"{role} (made before the roles{number})" for number in ("", *(f", {n}" for n in range(2, 100))))
            group.name = next(name for name in names if not groups.filter(name=name).exists())
            group.save()


def write_groups(apps: Any, schema_editor: Any = None) -> None:
    """Make the groups, or add the rights that they lack; what an operator has added stays. For migrations.

    Rights are made here too: Django makes them after all migrations have run.
    """
    made = {right: _permission(apps, right) for right in sorted(rights_of(ADMIN))}
    for role in ROLES:
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=role)
        group.permissions.add(*(made[right] for right in rights_of(role)))


def _permission(apps: Any, right: str) -> Any:
    app, _, codename = right.partition(".")
    model, name = _OWN.get(right) or _stock(app, codename)
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label=app, model=model)
    found, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type, codename=codename, defaults={"name": name}
    )
    return found


def _stock(app: str, codename: str) -> tuple[str, str]:
    """Named as Django would, which leaves what is there as it is."""
    verb, _, model = codename.partition("_")
    try:
        words = current_apps.get_model(app, model)._meta.verbose_name_raw
    except LookupError:  # gone since
        words = model
    return model, f"Can {verb} {words}"


# As the models' Meta has them: the model and the name.
_OWN = {
    "accounts.lock_user": ("user", "Can lock and unlock accounts"),
    "accounts.give_roles": ("user", "Can make people staff and give them roles"),
    "orgs.look_at_organization": ("organization", "Can look at organizations as their members see them"),
    "orgs.suspend_organization": ("organization", "Can suspend and resume organizations"),
}


def names(roles: Iterable[Any]) -> str:
    """For lists."""
    return ", ".join(sorted(str(role) for role in roles))
