"""Platform keys as texts: `apc_`, 34 random base62 characters, 6 characters of checksum. Knows no Django and no clock.

The checksum tells a mistyped or made-up key from a real one without asking the database.
"""

import hashlib
import secrets
import string
import zlib

MARK = "apc_"
PREFIX_LENGTH = 12  # The mark and eight random characters: enough to name a key, far too little to guess the rest.
LENGTH = 44

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 34  # 202 bits
_CHECKSUM_LENGTH = 6  # 62 ** 6 is above 2 ** 32, so a CRC-32 always fits.


def generate() -> str:
    body = MARK + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return body + _checksum(body)


def has_valid_form(key: str) -> bool:
    """Whether `generate` could have made this text. Says nothing about whether the key exists."""
    return (
        len(key) == LENGTH
        and key.startswith(MARK)
        and key.isascii()
        and key[len(MARK) :].isalnum()
        and key[-_CHECKSUM_LENGTH:] == _checksum(key[:-_CHECKSUM_LENGTH])
    )


def digest(key: str) -> bytes:
    """The 32 bytes of SHA-256 by which a key is found. Takes any text: what cannot be encoded is no key anyway.

    How long an index or a dictionary takes to compare digests may tell how alike two of them are, but not how alike
    their keys are: a guess cannot be led nearer to a key. A key's 202 random bits need no slow hash either.
    """
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def mask(key: str) -> str:
    """`apc_...x4f2`: what may be shown of a key."""
    return f"{MARK}...{key[-4:]}"


def _checksum(body: str) -> str:
    rest = zlib.crc32(body.encode())
    characters = []
    for _ in range(_CHECKSUM_LENGTH):
        rest, position = divmod(rest, len(_ALPHABET))
        characters.append(_ALPHABET[position])
    return "".join(reversed(characters))
