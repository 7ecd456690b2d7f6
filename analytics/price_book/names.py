"""Under which names a price is kept for the model that answered: its own, or one of which it is the dated form.

Requests name an alias (`gpt-4o`, `claude-sonnet-4-0`), answers the dated model behind it (`gpt-4o-2024-08-06`,
`claude-sonnet-4-20250514`). A price of the alias holds for the dated name, unless that has a price of its own.
"""

import re
from functools import lru_cache

from analytics.price_book import bundled

# As the providers date their models: -2024-08-06, -20250514, -0125.
DATE = r"-(20\d\d-?[01]\d-?[0-3]\d|[01]\d[0-3]\d)$"
_DATE = re.compile(DATE)


def is_dated(model: str) -> bool:
    return _DATE.search(model) is not None


@lru_cache(maxsize=4096)
def without_date(provider: str, model: str) -> str:
    """The name that a dated one is a form of, as far as the bundled list does not price them apart; else itself.

    `gpt-4o-2024-05-13` is no form of `gpt-4o`: it has a price of its own.
    """
    undated = _DATE.sub("", model)
    known = bundled.find_model(provider, model)
    return undated if known is None or known is bundled.find_model(provider, undated) else model


def find_listed(provider: str, model: str) -> str:
    """What the bundled list calls the model: the same for all names of one model. "" for an unknown one."""
    known = bundled.find_model(provider, model)
    return "" if known is None else known.id
