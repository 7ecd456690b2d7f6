"""Two organizations that must not know of each other, and how answers are compared.

Everything of the first has the canary in its name, and numbers from a range of their own: a name or a number of it in
an answer is no accident. Beside each identifier stands one of the same length that belongs to nobody.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.db import connection, models
from django.test import Client
from django.utils import timezone
from django.utils.http import int_to_base36

from accounts.models import User
from orgs import keys
from orgs.models import ApiKey, Invitation, Membership, Organization, Team
from orgs.services import invitations, members
from prompts.models import Prompt
from tests.analytics.requests_seen import body_of
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_member, make_organization, make_prompt, make_team, make_version
from tests.orgs.people import make_invitation, make_verified_user

CANARY = "zanzibar"
_NUMBERS_FROM, _NEW_FROM, _NUMBERS = 700_000, 880_000, 9_000
_NUMBERED = (Team, ApiKey, Prompt, Membership, Invitation, User, Organization)
_OF_THE_MOMENT = {"Date", "ETag", "Expires", "Content-Length", "x-aipc-request-id"}
_OURS = ("accounts", "orgs", "prompts", "analytics")


@dataclass(frozen=True)
class Two:
    victim: Organization
    owner: User  # of the victim
    member: User  # of the victim
    former: User  # was a member of the victim
    locked: User  # a member of the victim whose account is locked
    outsider: User  # owner of the other organization
    own: Organization
    own_key: str
    ours: dict[str, str] = field(default_factory=dict)  # identifiers of the outsider's own things
    foreign: dict[str, str] = field(default_factory=dict)  # identifiers of the victim's things
    nobodys: dict[str, str] = field(default_factory=dict)  # others of the same form


def make_two() -> Two:
    outsider = make_verified_user("outsider@example.com")
    own = make_organization("Elsewhere", owner=outsider)
    own_key, ours = _furnish(own, outsider, "own")
    _count_from(_NUMBERS_FROM)
    owner = make_verified_user(f"owner-{CANARY}@example.com", name=f"Owner of {CANARY}")
    victim = make_organization(f"{CANARY} trade", owner=owner)
    member = make_member(victim, make_verified_user("colleague@example.com"))
    former, locked = make_member(victim), make_member(victim)
    members.remove(membership=former.memberships.get())
    User.objects.filter(pk=locked.pk).update(is_active=False)
    key, theirs = _furnish(victim, owner, CANARY)
    token = theirs["token"]
    wrong, wrong_too = [token[:-1] + end for end in "BCD" if end != token[-1]][:2]  # the right one is a way in
    foreign = {
        **theirs,
        "token": wrong,
        "slug": victim.slug,
        "organization": victim.slug,
        "membership_id": str(member.memberships.get().pk),
        "user_id": str(member.pk),
        "person": str(owner.pk),
        "email": f"friend-{CANARY}@example.com",
        "uidb36": int_to_base36(owner.pk),
        "platform_key": key,
    }
    nobodys = {name: value if name in {"table", "page"} else _other(value) for name, value in foreign.items()}
    nobodys["token"] = wrong_too
    _count_from(_NEW_FROM)
    ours |= {"slug": own.slug, "membership_id": str(outsider.memberships.get().pk), "uidb36": "1"}
    return Two(victim, owner, member, former, locked, outsider, own, own_key, ours, foreign, nobodys)


def _furnish(organization: Organization, owner: User, name: str) -> tuple[str, dict[str, str]]:
    """One of everything: the key, and what the things are named by, as addresses, queries and forms do."""
    team = make_team(organization, f"team {name}")
    record, key = make_key(team, f"key {name}")
    ApiKey.objects.filter(pk=record.pk).update(form_id=uuid4())
    record.refresh_from_db()
    prompt = make_prompt(organization, f"prompt-{name}", name=f"Prompt {name}")
    make_version(prompt, model=f"gpt-4o-{name}", activate=True, number=7)
    invitation = make_invitation(f"friend-{name}@example.com", organization=organization, by=owner)
    model, tags = f"gpt-4o-{name}", (f"tag-{name}",)
    call = make_record(record, at=timezone.now(), prompt_key=prompt.key, version=7, tags=tags, model=model)
    post(call)
    named = {
        "team_id": str(team.pk),
        "team": str(team.pk),
        "key_id": str(record.pk),
        "key": str(record.pk),
        "form_id": str(record.form_id),
        "pk": str(prompt.pk),
        "prompt": prompt.key,
        "prompt_key": prompt.key,
        "number": "7",
        "version": "7",
        "model": f"gpt-4o-{name}",
        "tag": f"tag-{name}",
        "invitation_id": str(invitation.pk),
        "invitation": str(invitation.pk),
        "token": invitations.copied_token(invitation),
        "call_id": str(UUID(call.id)),
        "id": str(UUID(call.id)),
        "table": "days",
        "page": "getting-started",
    }
    return key, named


def _count_from(number: int) -> None:
    """Numbers in use (by what a served journey left between two worlds) are not given again."""
    for model in _NUMBERED:
        table = model._meta.db_table
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence(%s, 'id'),"
                    f' GREATEST(%s, max(id) FILTER (WHERE id BETWEEN %s AND %s))) FROM "{table}"',
                    [f'"{table}"', number, number, number + _NUMBERS],
                )
            else:
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, number])


def _other(value: str) -> str:
    """Of the same form and length, of nothing."""
    if value.isdecimal():
        return value if len(value) < 6 else "799" + value[3:]
    if CANARY in value:
        return value.replace(CANARY, "hanzibar")
    if value.startswith(keys.MARK):
        return keys.generate()
    if re.fullmatch(r"[0-9a-f-]{36}", value):
        return str(uuid4())
    return value[:-1] + ("A" if value[-1] != "A" else "B")


# --- Comparing --------------------------------------------------------------------------------------------------------


def client_of(person: User | None, *, enforce_csrf_checks: bool = False) -> Client:
    client = Client(raise_request_exception=False, enforce_csrf_checks=enforce_csrf_checks)
    if person is not None:
        client.force_login(person)
    return client


def told(response: Any, asked: Iterable[str]) -> tuple[int, dict[str, str], str]:
    """The answer, without what was asked for and what is new with every answer."""
    body = body_of(response).decode()
    headers = {name: value for name, value in response.headers.items() if name not in _OF_THE_MOMENT}
    return response.status_code, {name: _plain(value, asked) for name, value in headers.items()}, _plain(body, asked)


def _plain(text: str, asked: Iterable[str]) -> str:
    # First: after an earlier world the outsider's own things have such numbers, too, and so they may be another's.
    text = re.sub(r"\b88\d{4}\b", "NEW", text)
    forms = {form for value in asked for form in (value, value.replace("-", "_"))}
    for value in sorted(forms, key=len, reverse=True):
        if len(value) > 4:
            text = text.replace(value, "ASKED")
    text = re.sub(r'name="(csrfmiddlewaretoken|form_id)" value="[^"]*"', r"\1", text)
    text = re.sub(r'value="[^"]*" (name="form_id")', r"\1", text)
    return re.sub(r"(?<=data-stamp=\")[^\"]*", "", text)


def everything_of(organization: Organization) -> dict[str, list[Any]]:
    """All rows that belong to the organization, and its people."""
    people = User.objects.filter(pk__gt=_NUMBERS_FROM, pk__lt=_NEW_FROM).order_by("pk")
    found: dict[str, list[Any]] = {"people": list(people.values_list("pk", "email", "password", "name", "is_active"))}
    for label in _OURS:
        for model in apps.get_app_config(label).get_models():
            rows = _rows_of(model, organization)
            if rows is not None:
                found[model.__name__] = [repr(row) for row in rows.order_by("pk").values_list()]
    return found


def _rows_of(model: type[models.Model], organization: Organization) -> models.QuerySet[Any] | None:
    names = {part.name for part in model._meta.get_fields()} | {part.attname for part in model._meta.concrete_fields}
    if model is Organization:
        return Organization.objects.filter(pk=organization.pk)
    if "organization_id" in names:
        return model._default_manager.filter(organization_id=organization.pk)
    if "prompt" in names:
        return model._default_manager.filter(prompt__organization_id=organization.pk)
    return None
