"""Faults: providers and clients that behave badly."""

import random

from tests.faults.deaths import nothing
from tests.faults.rude import leave_early, many, read_slowly, send_half
from tests.faults.scene import Fault
from tests.faults.traffic import Choose, usual


def now_and_then(share: float, *scenarios: str) -> Choose:
    def choose(chance: random.Random) -> str:
        return chance.choice(scenarios) if chance.random() < share else usual(chance)

    return choose


def a_few(scenario: str) -> Choose:
    """Two calls of all have it: it is work for the provider, too."""
    left = [scenario, scenario]

    def choose(chance: random.Random) -> str:
        return left.pop() if left and chance.random() < 0.02 else usual(chance)

    return choose


FAULTS = [
    Fault("provider hangs", nothing, now_and_then(0.05, "silent", "silent-after-headers", "silent-mid-body")),
    Fault(
        "provider resets and closes",
        nothing,
        now_and_then(0.3, "reset", "reset-before-headers", "early-eof", "eof-before-headers", "hangs-up"),
    ),
    Fault(
        "provider answers garbage",
        nothing,
        now_and_then(0.3, "garbage", "garbage-header", "garbage-chunk", "garbage-event", "html", "no-usage"),
    ),
    Fault("provider breaks within a chunk", nothing, now_and_then(0.3, "half-chunk", "half-chunk,gzip")),
    Fault("provider refuses", nothing, now_and_then(0.5, "rate-limited", "overloaded", "server-error", "error-event")),
    Fault("provider sends 100 MB", nothing, a_few("text_bytes=100000000")),
    Fault("provider sends headers without end", nothing, now_and_then(0.05, "endless-head")),
    Fault("clients leave at every stage", nothing, clients=many(leave_early, 16)),
    Fault("clients read a byte a second", nothing, clients=many(read_slowly, 24)),
    Fault("clients send half a body", nothing, clients=many(send_half, 24)),
]
