"""A backup that was tried: the commands of docs/deployment.md under load, and every record compared."""

import re
import subprocess
import sys

import pytest

from scripts.hermetic import ROOT, environment


@pytest.mark.slow
@pytest.mark.production
@pytest.mark.timeout(1200)
def test_a_restored_dump_and_the_journal_lose_and_double_nothing() -> None:
    line = [
        sys.executable,
        "-m",
        "tests.faults",
        "--only",
        "pg_restore",
        "--seconds",
        "4",
        "--seed",
        "7",
        "--rate",
        "100",
    ]
    done = subprocess.run(line, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"([\d,]+) of ([\d,]+) records were in the dump.*?(\d+) posted now", done.stdout)
    assert found, done.stdout
    in_dump, in_all, posted = (int(number.replace(",", "")) for number in found.groups())
    assert 0 < in_dump < in_all
    assert posted > 0
