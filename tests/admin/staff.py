"""Staff with a role, and what they do at the admin pages."""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts import roles
from accounts.models import User
from tests.factories import make_user


def make_staff(role: str = "", email: str = "") -> User:
    """Without a role: staff who may do nothing."""
    person = make_user(email or f"{role.lower() or 'nobody'}@staff.example.com", is_staff=True)
    if role:
        if not Group.objects.filter(name=role).exists():  # since tests that empty all tables take them away
            roles.write_groups(apps)
        person.groups.add(Group.objects.get(name=role))
    return person


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def page_of(model: type[Model], page: str = "changelist", *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def act(client: Client, action: str, *rows: Model, confirmed: bool = True) -> Any:
    """The page that follows; the one that asks, unless it is confirmed at once."""
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(page_of(type(rows[0])), chosen | ({"post": "yes"} if confirmed else {}), follow=True)
