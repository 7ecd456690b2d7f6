"""`manage.py create_organization NAME [--owner EMAIL] [--timezone TZ]`: prints the slug."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import User
from orgs.services import organizations


class Command(BaseCommand):
    help = "Create an organization. Prints its slug, and only the slug, on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--owner", metavar="EMAIL", help="who owns it; the account is created if it is new")
        parser.add_argument("--timezone", metavar="TZ", default="UTC", help="IANA name, like Europe/Berlin")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            owner = self._get_owner(options["owner"]) if options["owner"] else None
            organization = organizations.create(name=options["name"], timezone=options["timezone"], owner=owner)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(organization.slug)

    def _get_owner(self, email: str) -> User:
        users = get_user_model().objects
        email = users.normalize_email(email)
        validate_email(email)
        owner = users.filter(email=email).first()
        if owner is None:
            owner = users.create_user(email)
            self.stderr.write(f"Made the account {owner}. Give it a password: manage.py changepassword {owner}")
        return owner
