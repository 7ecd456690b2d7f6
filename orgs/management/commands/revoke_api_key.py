"""`manage.py revoke_api_key KEY_OR_PREFIX`: revokes one key, named by itself or by its first characters."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orgs import keys as key_texts
from orgs.models import ApiKey
from orgs.services import keys

SHORTEST_PREFIX = len(key_texts.MARK) + 4


class Command(BaseCommand):
    help = "Revoke a platform API key for good. Every process refuses it within a second."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "key",
            metavar="KEY_OR_PREFIX",
            help=f"the whole key, or at least its first {SHORTEST_PREFIX} characters if no other key begins so",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key = _get_key(options["key"].strip())
        if key.is_revoked:
            self.stderr.write(f"{key.masked} was revoked before.")
            return
        keys.revoke(key=key)
        self.stderr.write(f"Revoked {key.masked} of team {key.team} in {key.organization}.")


def _get_key(text: str) -> ApiKey:
    found = ApiKey.objects.select_related("team", "organization")
    if len(text) >= key_texts.LENGTH:
        key = found.with_key(text).first()
        if key is None:
            raise CommandError("There is no such key.")
        return key
    if len(text) < SHORTEST_PREFIX:
        raise CommandError(f"Give the whole key, or at least its first {SHORTEST_PREFIX} characters.")
    candidates = list(found.with_prefix(text)[:10])
    if not candidates:
        raise CommandError("No key begins so.")
    if len(candidates) > 1:
        names = ", ".join(f"{key.prefix}... ({key.label}, {key.organization})" for key in candidates)
        raise CommandError(f"More than one key begins so; give more characters: {names}")
    return candidates[0]
