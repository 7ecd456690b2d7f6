"""`manage.py replay_journal DIR`: post every segment found under a directory again, for instance after a restore.

Harmless for what the ledger has: a segment with a receipt is left alone, and a record that is there is not added twice.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from analytics.models import UsageBatch
from analytics.usage import NewerFormat
from proxy import tasks
from proxy.adoption import hold_lock
from proxy.journal import OPEN, POSTED, SEALED, complete_lines


class Command(BaseCommand):
    help = "Post every journal segment under a directory again. What the ledger has already is not added twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="a journal directory, or a folder above several")

    def handle(self, *args: Any, **options: Any) -> None:
        directory: Path = options["directory"]
        if not directory.is_dir():
            raise CommandError(f"{directory} is not a directory.")
        found = sorted(path for suffix in (OPEN, SEALED, POSTED) for path in directory.rglob(f"*{suffix}"))
        segments = [path for path in found if path.suffix != OPEN or is_left_behind(path)]
        failed = 0
        posted = 0
        for path in segments:
            try:
                posted += post(path)
            except (NewerFormat, ValueError) as error:
                failed += 1
                self.stderr.write(f"{path}: {error}")
        known = len(segments) - posted - failed
        self.stdout.write(f"{len(segments)} segments: {posted} posted now, {known} in the ledger before or empty.")
        if len(found) > len(segments):
            self.stdout.write(f"{len(found) - len(segments)} left out: a running process still writes them.")
        if failed:
            raise CommandError(f"{failed} segments could not be posted; they are unchanged.")


def is_left_behind(path: Path) -> bool:
    """Whether an open segment's process is gone. Half a segment must not be posted under the name of the whole."""
    with hold_lock(path.parent) as is_left:
        return is_left or not (path.parent / "lock").exists()  # a copy may come without its lock


def post(path: Path) -> bool:
    """Whether it was posted now. Raises ValueError when the name is no segment's."""
    if UsageBatch.objects.filter(segment_id=UUID(path.stem)).exists():
        return False
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False  # a running process has settled it meanwhile, or adopted it and will post it
    lines = complete_lines(content).decode("utf-8", "replace").split("\n")[:-1]
    if lines:
        tasks.post_batch(path.stem, lines)
    return bool(lines)
