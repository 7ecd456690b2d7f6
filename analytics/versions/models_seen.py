"""Model names: which ones are the same model, and whether a version was answered by another one than it names. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# What the providers append to a model's name for a snapshot of it: gpt-4o-2024-08-06, claude-haiku-4-5-20251001,
# gpt-3.5-turbo-0125. And what stands for "whichever is newest": claude-3-5-sonnet-latest, claude-opus-4-0.
_SNAPSHOT = re.compile(r"[-@](?:20\d\d-?[01]\d-?[0-3]\d|[01]\d[0-3]\d)$")
_NEWEST = re.compile(r"-(?:latest|0)$")


@dataclass(frozen=True, slots=True)
class Seen:
    """A model that answered requests of a version (or was asked, where no answer named one)."""

    provider: str
    model: str  # "" where nobody named any
    requests: int


@dataclass(frozen=True, slots=True)
class Drift:
    """Requests of a version that another model answered than the configured one."""

    configured: str
    others: tuple[Seen, ...]  # most requests first
    requests: int  # of all models that are known

    @property
    def strayed(self) -> int:
        return sum(seen.requests for seen in self.others)

    @property
    def words(self) -> str:
        whole = f"{self.requests:,} request{'s' if self.requests > 1 else ''}"
        count = f"all {whole}" if self.strayed == self.requests > 1 else f"{self.strayed:,} of {whole}"
        if self.requests == 1:
            count = "its only request"
        were = "were" if self.strayed > 1 else "was"
        if len(self.others) == 1:
            answered_by = self.others[0].model
        else:
            answered_by = "other models: " + ", ".join(f"{seen.model} ({seen.requests:,})" for seen in self.others)
        return f"configured {self.configured}, but {count} {were} answered by {answered_by}"


def undated(model: str) -> str:
    """The name that a snapshot was taken of; any other name as it is."""
    return _SNAPSHOT.sub("", model)


def is_same_model(configured: str, seen: str) -> bool:
    """Whether the name may stand for the configured one: itself, or a snapshot of it.

    Where the configuration names a snapshot, another snapshot is another model, while the bare name may mean it.
    """
    wanted, found = configured.strip().lower(), seen.strip().lower()
    if wanted == found or undated(wanted) == found:
        return True
    return undated(found) in {wanted, _NEWEST.sub("", wanted)} and undated(found) != found


def find_drift(configured: str, seen: Sequence[Seen]) -> Drift | None:
    """None where all requests were answered by the configured model, or by models that are not known."""
    known = [one for one in seen if one.model and one.requests]
    others = [one for one in known if not is_same_model(configured, one.model)]
    if not others:
        return None
    others.sort(key=lambda one: (-one.requests, one.model))
    return Drift(configured, tuple(others), sum(one.requests for one in known))
