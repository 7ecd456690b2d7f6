"""Takes secrets out of a text before it is written: by what they look like, and those of the settings by value.

This is the second line of defence: nothing here is meant to reach a log. It knows the shapes of platform and provider
keys, credentials in headers, cookies and URLs, session ids, signed links and query strings. It cannot know a secret of
no particular shape, or one that was encoded anew.
"""

import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote, urlsplit

GONE = "[redacted]"
_LEAST_LETTERS = 8  # of a setting's secret: shorter ones are parts of ordinary words

# Around a name and its value, in code, JSON, headers, lists of pairs, and the HTML of Django's debug page.
_QUOTE = r"(?:\\?[\"']|&quot;|&\#x27;|&\#39;)"
_NAMED = (
    r"(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|api[-_]?key|x-provider-key|x-goog-api-key|x-csrftoken"
    r"|sessionid|session_key|csrftoken|csrfmiddlewaretoken|(?:access|refresh|id)_token|client_secret|secret(?:_key)?"
    r"|\w*password\d?|platform_key|provider_key|recovery_codes?|seed"
)
_NAMED_VALUE = (
    rf"(?<![\w.])({_NAMED})({_QUOTE}?\s*[:=]\s*(?:b(?={_QUOTE}))?|{_QUOTE}\s*,\s*b?(?={_QUOTE}))(?!\[redacted\])"
    rf"(?:(?P<open>{_QUOTE})(?:(?!(?P=open)).)*(?P=open)|(?:basic\s+)?[^\s\"'&,;)}}\]]+)"
)
# In this order: the later ones find what the earlier ones have left.
_SHAPES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern, re.VERBOSE | re.IGNORECASE), put)
    for pattern, put in (
        # Links that open something: invitations, new passwords, confirmed addresses.
        (r"(/invitations/|/password/reset/key/|/confirm-email/)[^/\s\"'<>&]+", rf"\1{GONE}"),
        # Passwords in addresses. One that was not percent-encoded may hold anything but spaces.
        (r"\b((?!https?:)[a-z][a-z0-9+.-]*://[^\s:/@\"']*):[^\s\"']*@", rf"\1:{GONE}@"),
        (r"\b(https?://[^\s:/@\"']*):[^\s/@\"']*@", rf"\1:{GONE}@"),
        # Query strings, of whole addresses and of paths.
        (r"(https?://[^\s?\"'<>]+|(?<![^\s\"'=(])/[^\s?\"'<>()]*)\?[^\s\"'<>]+", rf"\1?{GONE}"),
        # Credentials: "Authorization: Bearer x", (b'authorization', b'Bearer x'), {"cookie": "a=b; c=d"}.
        (r"\bbearer\s+(?!realm\b|\[)[\w.~+/=:-]{6,}", rf"Bearer {GONE}"),
        (r"(?<![\w-])((?:set-)?cookie:\s*)[^\r\n\"']+", rf"\1{GONE}"),
        (_NAMED_VALUE, rf"\1\2{GONE}"),
        # Keys by their beginnings.
        (r"(?<![A-Za-z0-9_])(apc_)[A-Za-z0-9]{6,}", rf"\1{GONE}"),
        (r"(?<![A-Za-z0-9_])(sk-(?:ant-|proj-)?|[srp]k_|gsk_|xai-|hf_|gh[opsu]_|github_pat_)[\w-]{6,}", rf"\1{GONE}"),
        (r"(?<![A-Za-z0-9_])(AIza)[\w-]{20,}", rf"\1{GONE}"),
        # Django's: passwords' hashes, signed values, tokens of new passwords, invitations' tokens.
        (r"\b(pbkdf2_\w+|argon2\w*|bcrypt\w*|scrypt)\$[^\s\"']+", rf"\1${GONE}"),
        (r"\b\d+\.[0-9a-f]{32}\.[mc]\.[\w-]{20,}", GONE),
        (r"[\w.=-]+:[A-Za-z0-9]{6}:[\w-]{43}", GONE),
        (r"\b[0-9a-z]{6,7}-[0-9a-f]{32}\b", GONE),
        # A platform key's digest, as PostgreSQL and Python write it.
        (r"(\\{1,2}x|\b)[0-9a-f]{64}\b", GONE),
        # Session ids and CSRF tokens: base 36 and base 62. A number in hexadecimal, like a call's id, is none.
        (r"\b(?![0-9a-f]{32}\b)(?=[a-z]*[0-9])(?=[0-9]*[a-z])(?:[a-z0-9]{32}|[a-z0-9]{64})\b", GONE),
    )
)


class Redactor:
    """Call it with a text. `secrets` are texts that must not be seen whatever they look like."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for secret in secrets for form in (secret, repr(secret)[1:-1]) if len(secret) >= _LEAST_LETTERS}
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(GONE, text)
        for shape, put in _SHAPES:
            text = shape.sub(put, text)
        return text


def passwords_of(*urls: str) -> list[str]:
    """As they are and percent-encoded. A password that is the name of its user or host hides nothing."""
    found = []
    for url in urls:
        try:
            parts = urlsplit(url)
            names = {parts.username, parts.hostname, parts.path.strip("/")}
        except ValueError:
            continue
        if parts.password and parts.password not in names:
            found += [parts.password, unquote(parts.password)]
    return found
