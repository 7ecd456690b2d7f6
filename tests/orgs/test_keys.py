"""Platform keys as texts."""

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgs import keys

pytestmark = pytest.mark.trial

BASE62 = string.digits + string.ascii_letters


def test_a_generated_key_has_the_documented_form() -> None:
    key = keys.generate()

    assert key.startswith("apc_")
    assert len(key) == 4 + 34 + 6
    assert set(key[4:]) <= set(BASE62)
    assert keys.has_valid_form(key)


def test_no_two_generated_keys_are_the_same() -> None:
    assert len({keys.generate() for _ in range(1000)}) == 1000


@given(position=st.integers(0, 43), character=st.sampled_from(BASE62 + "_- é"))
def test_a_key_with_one_character_mistyped_has_no_valid_form(position: int, character: str) -> None:
    key = keys.generate()
    mistyped = key[:position] + character + key[position + 1 :]

    assert keys.has_valid_form(mistyped) == (mistyped == key)


@given(st.text(max_size=60) | st.text(min_size=40, max_size=40).map("apc_".__add__))
def test_made_up_texts_have_no_valid_form_and_still_a_digest(text: str) -> None:
    assert not keys.has_valid_form(text)
    assert len(keys.digest(text)) == 32


def test_half_a_surrogate_pair_does_not_break_the_digest() -> None:
    assert len(keys.digest("apc_\ud800")) == 32


def test_a_truncated_or_extended_key_has_no_valid_form() -> None:
    key = keys.generate()

    assert not keys.has_valid_form(key[:-1])
    assert not keys.has_valid_form(key + "a")
    assert not keys.has_valid_form(f" {key}")


def test_the_digest_is_sha_256() -> None:
    key = keys.generate()

    assert keys.digest(key) == hashlib.sha256(key.encode()).digest()


def test_the_mask_shows_the_last_four_characters_only() -> None:
    assert keys.mask("apc_" + "0" * 36 + "x4f2") == "apc_...x4f2"
