"""What a report is asked for: whose usage, of which days, and which part of it."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from analytics.periods import Period

# The columns of the roll-ups by which a report can be grouped. `''` and `0` mean none.
Dimension = Literal["prompt_key", "team_id", "api_key_id", "version", "provider", "model", "day", "tag"]

ALL_TIME = Period(date.min, date.max)

# What usage without a prompt key, tags, a version or a model is called. A tag may bear the same name: the
# value of the row without tags is "", as in the roll-ups.
UNKNOWN_PROMPT = "unknown"
UNTAGGED = "untagged"
NO_VERSION = "no version"
UNNAMED_MODEL = "unnamed"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose usage and which part of it. What narrows it narrows together.

    With a tag, usage is that of the requests that carry it: by tag, such a scope has this one row.
    """

    organization_id: int
    period: Period
    provider: str = ""  # "" means all
    prompt_key: str | None = None  # None means all, "" only usage without a prompt key
    team_id: int | None = None  # None means all
    api_key_id: int | None = None  # None means all
    model: str | None = None  # None means all, "" only calls that named none and got none named
    tag: str | None = None  # None means all, "" only requests without tags
    version: int | None = None  # None means all, 0 only usage without a version
