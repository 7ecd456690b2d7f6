"""Records for tests, made through the services, so that a test never starts from a state the service cannot reach.

Plain functions: each makes what it is called after, and whatever that needs unless the test gives it.
"""

from functools import cache
from itertools import count
from typing import Any

from django.contrib.auth.hashers import make_password

from accounts.models import User
from orgs.models import ApiKey, Membership, Organization, Team
from orgs.services import keys, members, organizations, teams
from prompts import services as prompt_services
from prompts.models import Prompt, PromptVersion

PASSWORD = "correct horse battery staple"
_numbers = count(1)


@cache
def _password_hash() -> str:
    """Made once: hashing a password is slow on purpose."""
    return make_password(PASSWORD)


def make_user(email: str = "", **fields: Any) -> User:
    """Signs in with `PASSWORD`."""
    user = User.objects.create_user(email or f"person{next(_numbers)}@example.com", **fields)
    user.password = _password_hash()
    user.save(update_fields=["password"])
    return user


def make_organization(name: str = "", *, timezone: str = "UTC", owner: User | None = None) -> Organization:
    return organizations.create(name=name or f"Organization {next(_numbers)}", timezone=timezone, owner=owner)


def make_member(organization: Organization, user: User | None = None, role: str = Membership.Role.MEMBER) -> User:
    """The person, a new one unless given, who now belongs to the organization."""
    person = user or make_user()
    members.add(organization=organization, user=person, role=role)
    return person


def make_team(organization: Organization | None = None, name: str = "") -> Team:
    return teams.create(organization=organization or make_organization(), name=name or f"Team {next(_numbers)}")


def make_key(team: Team | None = None, description: str = "") -> tuple[ApiKey, str]:
    """The record and the key's text."""
    return keys.issue(team=team or make_team(), description=description)


def make_prompt(organization: Organization | None = None, key: str = "", **fields: Any) -> Prompt:
    return prompt_services.create_prompt(
        organization=organization or make_organization(), key=key or f"prompt-{next(_numbers)}", **fields
    )


def make_version(prompt: Prompt | None = None, *, model: str = "gpt-4o", **fields: Any) -> PromptVersion:
    return prompt_services.add_version(prompt=prompt or make_prompt(), model=model, **fields)
