"""`manage.py replay_journal DIR`: post every segment found under a directory again, for instance after a restore.

Harmless for what the ledger has: a segment with a receipt is left alone, and a record that is there is not added twice.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.models import UsageBatch
from analytics.usage import NewerFormat
from proxy import tasks
from proxy.journal import OPEN, POSTED, SEALED, complete_lines


class Command(BaseCommand):
    help = "Post every journal segment under a directory again. What the ledger has already is not added twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="a journal directory, or a folder above several")

    def handle(self, *args: Any, **options: Any) -> None:
        directory: Path = options["directory"]
        if not directory.is_dir():
            raise CommandError(f"{directory} is not a directory.")
        segments = sorted(path for suffix in (OPEN, SEALED, POSTED) for path in directory.rglob(f"*{suffix}"))
        failed = 0
        posted = 0
        for path in segments:
            lines = complete_lines(path.read_bytes()).decode("utf-8", "replace").split("\n")[:-1]
            had_receipt = UsageBatch.objects.filter(segment_id=path.stem).exists()
            try:
                if lines and not had_receipt:
                    tasks.post_batch(path.stem, lines)
                    posted += 1
            except (NewerFormat, ValueError) as error:
                failed += 1
                self.stderr.write(f"{path}: {error}")
        known = len(segments) - posted - failed
        self.stdout.write(f"{len(segments)} segments: {posted} posted now, {known} in the ledger before or empty.")
        if failed:
            raise CommandError(f"{failed} segments could not be posted; they are unchanged.")
