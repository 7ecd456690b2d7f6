"""The settings of the server that the journeys visit: mails in files, Google and GitHub played on loopback.

What differs from config.settings is what the outside world would provide; the addresses come from the test.
"""

import os
from urllib.parse import urlsplit

from config.settings import *  # noqa: F403
from config.settings import CONTENT_SECURITY_POLICY, SOCIALACCOUNT_PROVIDERS

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = os.environ["JOURNEY_MAILS"]

_far = os.environ["JOURNEY_SIGN_IN_URL"]
assert urlsplit(_far).hostname == "127.0.0.1"
_google: dict[str, object] = SOCIALACCOUNT_PROVIDERS["google"]
_google |= {
    "AUTHORIZE_URL": f"{_far}/google/authorize",
    "ACCESS_TOKEN_URL": f"{_far}/google/token",
    "IDENTITY_URL": f"{_far}/google/userinfo",
}
_github: dict[str, object] = SOCIALACCOUNT_PROVIDERS["github"]
_github["GITHUB_URL"] = f"{_far}/github"

_forms = CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"]
for _host in ("https://accounts.google.com", "https://github.com"):
    # The same list as in earnest, with the stand-in's address: a host that is missing there is missing here.
    _forms[_forms.index(_host)] = _far
