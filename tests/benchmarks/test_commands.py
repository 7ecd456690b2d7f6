"""Each command of the benchmarks once, with next to nothing to measure: that it still runs, not what it says."""

import subprocess
import sys

import pytest

from benchmarks import nginx
from scripts.hermetic import ROOT, environment

pytestmark = [pytest.mark.production, pytest.mark.slow, pytest.mark.timeout(600)]


def output_of(*arguments: str) -> str:
    made = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, f"{made.stdout[-2000:]}\n{made.stderr[-4000:]}"
    return made.stdout


def test_calls_are_measured_with_both_clients_and_without_metering() -> None:
    """Answers that are changed, and calls that are not in the journal, end it."""
    targets = ["lean", "aiohttp", "unmetered", *(["nginx"] if nginx.is_there() else [])]
    few = ["--rounds", "1", "--seconds", "0.2", "--only", "json-1k", "sse-50", "embeddings-1m"]
    said = output_of("benchmarks.run", *few, "--targets", *targets)
    assert "| JSON 1 KB | AI Prompt Cost, lean client |" in said
    assert "| embeddings, answer of 1 MB | AI Prompt Cost, aiohttp client |" in said
    assert "| SSE 50 chunks, at once | the same, not metered |" in said


def test_the_memory_of_open_streams_is_measured() -> None:
    said = output_of("benchmarks.open_streams", "--streams", "20", "--client", "lean", "--to-provider", "tls")
    assert "| lean, TLS | 20 |" in said


def test_posting_is_measured() -> None:
    assert "| 10 |" in output_of("benchmarks.posting", "--segments", "2", "--records", "10")


def test_pages_are_measured() -> None:
    few = ["--quick", "--records", "20000", "--rounds", "1", "--only", "dashboard, 90 days"]
    assert "| dashboard, 90 days, a rare tag |" in output_of("benchmarks.dashboard", *few)
