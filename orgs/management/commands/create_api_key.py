"""`manage.py create_api_key --org SLUG --team NAME [--description TEXT]`: prints the key, and only the key."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from orgs.models import Organization, Team
from orgs.services import keys, teams


class Command(BaseCommand):
    help = "Create a platform API key. Prints the key, and only the key, on standard output. It is not shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--org", metavar="SLUG", required=True)
        parser.add_argument("--team", metavar="NAME", required=True, help="created if it is new")
        parser.add_argument("--description", metavar="TEXT", default="")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(slug=options["org"]).first()
        if organization is None:
            raise CommandError(f"There is no organization “{options['org']}”. create_organization makes one.")
        try:
            team = self._get_team(organization, options["team"])
            _, key = keys.issue(team=team, description=options["description"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(key)

    def _get_team(self, organization: Organization, name: str) -> Team:
        team = Team.objects.of(organization).filter(name__iexact=" ".join(name.split())).first()
        return team or teams.create(organization=organization, name=name)
