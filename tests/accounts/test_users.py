"""Accounts: one per e-mail address, in whatever case it is typed."""

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from tests.factories import make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def test_an_address_is_kept_in_lower_case() -> None:
    user = User.objects.create_user(" Ada@Example.COM ", "secret")

    assert user.email == "ada@example.com"
    assert User.objects.get_by_natural_key("ADA@example.com") == user


def test_an_address_belongs_to_one_account() -> None:
    make_user("ada@example.com")

    with pytest.raises(IntegrityError), transaction.atomic():
        make_user("Ada@example.com")


def test_the_database_refuses_capitals_and_emptiness() -> None:
    for email in ("Ada@example.com", ""):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.create(email=email)


def test_an_account_needs_an_address() -> None:
    with pytest.raises(ValueError, match="e-mail address"):
        User.objects.create_user("  ")


def test_an_account_without_password_cannot_sign_in_with_one() -> None:
    assert not User.objects.create_user("ada@example.com").has_usable_password()


def test_a_superuser_may_use_the_admin_pages() -> None:
    user = User.objects.create_superuser("ada@example.com", "secret")

    assert user.is_staff
    assert user.is_superuser
