"""Nothing secret is compared in a way whose duration tells how much of a guess was right."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core import signing
from django.utils import crypto

from orgs import keys
from orgs.services import invitations
from scripts.hermetic import ROOT

APPS = ("accounts", "analytics", "config", "orgs", "prompts", "proxy")
SECRET = re.compile(r"(?:^|_)(?:token|secret|signature|password|nonce|digest|hash|checksum|session_key)(?:_of)?$")
# What is compared and no secret: the checksum within a key's own text, which anybody can compute, and the digest of
# an answer, from a signed cursor.
OPEN = {
    "key[-_CHECKSUM_LENGTH:] == _checksum(key[:-_CHECKSUM_LENGTH])",
    "digest_of(answer) != place.answer",
}


def comparisons() -> Iterator[str]:
    """By == and !=, which stop at the first difference, of what is called like a secret."""
    for app in APPS:
        for file in (ROOT / app).rglob("*.py"):
            yield from _in(file)


def _in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Compare) or not any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
            continue
        if any(SECRET.search(_name(side)) for side in (node.left, *node.comparators)):
            yield ast.unparse(node)


def _name(side: ast.expr) -> str:
    side = side.func if isinstance(side, ast.Call) else side
    return side.attr if isinstance(side, ast.Attribute) else side.id if isinstance(side, ast.Name) else ""


def test_no_code_of_ours_compares_a_secret() -> None:
    """Keys are looked up by their digests; links and cursors are signed, which Django checks."""
    assert set(comparisons()) == OPEN


def test_what_a_look_up_compares_says_nothing_of_the_key() -> None:
    """One letter changes the digest throughout: coming closer to a key brings no digest closer to its own."""
    key = keys.generate()
    near = key[:-1] + ("A" if key[-1] != "A" else "B")
    shared = [one == other for one, other in zip(keys.digest(key), keys.digest(near), strict=True)]
    assert sum(shared) < 8
    assert len(keys.digest(key)) == 32


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []
    original = crypto.constant_time_compare

    def noted(one: str, other: str) -> bool:
        compared.append((one, other))
        return original(one, other)

    monkeypatch.setattr(signing, "constant_time_compare", noted)

    assert invitations.find_followed(f"1.{'0' * 32}.m.not-the-signature") is None
    assert [one for one, _ in compared] == ["not-the-signature"]
