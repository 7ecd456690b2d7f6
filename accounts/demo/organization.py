"""The demo's organization: people, teams, platform keys, and prompts with versions. Made once, then found again."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from accounts import services
from accounts.demo.workload import HISTORY_DAYS, PROMPTS, TEAMS, PromptPlan
from accounts.models import User
from orgs.models import ApiKey, Organization, Team
from orgs.services import keys, members, organizations, teams
from prompts import services as prompts
from prompts.models import Prompt

NAME = "Northwind"
EMAIL = "demo@example.com"
PASSWORD = "make-demo"  # noqa: S105 - shown on the terminal; the demo listens on this machine only
# The description of the key that each run shows; the one before it is revoked.
SHOWN_KEY = "make demo"


@dataclass(frozen=True, slots=True)
class DemoOrganization:
    organization: Organization
    user: User
    teams: dict[str, Team]
    keys: dict[str, ApiKey]  # by the description in the plan
    first_day: date


def prepare(now: datetime) -> DemoOrganization:
    """Find or make everything, prompts included. Safe to repeat after a run that was broken off."""
    user, _ = User.objects.get_or_create(email=EMAIL, defaults={"name": "Demo", "is_staff": True, "is_superuser": True})
    if not user.check_password(PASSWORD):
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
    services.mark_verified(user=user)
    organization = Organization.objects.filter(name=NAME, deleted_at=None).order_by("id").first()
    if organization is None:
        organization = organizations.create(name=NAME, timezone="UTC", owner=user)
    elif not organization.memberships.filter(user_id=user.pk).exists():
        members.add(organization=organization, user=user, role="owner")
    first_day = organization.created_at.astimezone(organization.tz).date() - timedelta(days=HISTORY_DAYS - 1)
    found_teams = {name: _team(organization, name, user) for name in TEAMS}
    found_keys = {plan.key: _key(found_teams[plan.team], plan.key, user) for plan in PROMPTS}
    for plan in PROMPTS:
        if plan.prompt_key and plan.versions:
            _prepare_prompt(organization, plan, first_day, user, now)
    return DemoOrganization(organization, user, found_teams, found_keys, first_day)


def issue_shown_key(demo: DemoOrganization) -> str:
    """A fresh platform key; the one that the last run showed is refused from now on."""
    for old in demo.organization.api_keys.active().filter(description=SHOWN_KEY).order_by("id"):
        keys.revoke(key=old, by=demo.user)
    return keys.issue(team=demo.teams["backend"], by=demo.user, description=SHOWN_KEY)[1]


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo("UTC"))


def _team(organization: Organization, name: str, user: User) -> Team:
    found = Team.objects.of(organization).filter(name=name).first()
    return found or teams.create(organization=organization, name=name, by=user)


def _key(team: Team, description: str, user: User) -> ApiKey:
    found = team.api_keys.filter(description=description).order_by("id").first()
    return found or keys.issue(team=team, by=user, description=description)[0]


def _prepare_prompt(organization: Organization, plan: PromptPlan, first_day: date, user: User, now: datetime) -> None:
    prompt = Prompt.objects.filter(organization=organization, key=plan.prompt_key).first()
    if prompt is None:
        prompt = prompts.create_prompt(
            organization=organization, key=plan.prompt_key, name=plan.name, description=plan.description, by=user
        )
    have = set(prompt.versions.values_list("number", flat=True))
    for number, version in enumerate(plan.versions, 1):
        start = min(midnight(first_day + timedelta(days=version.from_day)), now)
        if number not in have:
            prompts.add_version(
                prompt=prompt,
                number=number,
                model=version.model,
                max_tokens=version.max_tokens,
                note=version.note,
                activate=True,
                by=user,
                now=start,
            )
