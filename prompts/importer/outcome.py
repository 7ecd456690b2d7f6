"""What the code import is asked for and what it answers: plain frozen values, sentences for people included."""

from dataclasses import dataclass
from typing import Any, Literal

Language = Literal["python", "javascript", "typescript", "bash"]
# Code longer than this is not looked at.
MOST_CHARACTERS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where calls shall go, and how they are labelled. `public_url` is that of this installation."""

    public_url: str
    prompt_key: str = ""
    feature_tags: tuple[str, ...] = ()
    version: int | None = None

    def base_url(self, provider: str) -> str:
        return f"{self.public_url.rstrip('/')}/api/proxy/v1/{provider}"

    @property
    def metadata(self) -> dict[str, Any]:
        """The member `_aipromptcost`; what is empty is left out."""
        given = {"prompt_key": self.prompt_key, "feature_tags": list(self.feature_tags), "version": self.version}
        return {name: value for name, value in given.items() if value not in (None, "", [])}

    @property
    def headers(self) -> dict[str, str]:
        """The same as headers, for requests whose body cannot be added to."""
        tags = ",".join(self.feature_tags)
        version = "" if self.version is None else str(self.version)
        given = {"x-aipc-prompt-key": self.prompt_key, "x-aipc-tags": tags, "x-aipc-version": version}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Change:
    """`line` is that of the pasted code and counts from 1, here and below. `text` is a sentence."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was not changed: `what` names it in a few words, `why` is a sentence."""

    line: int
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Caution:
    """Something that people have to do or to know."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was done at all. `column` counts characters from 1. The sentence quotes nothing of the code."""

    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """`code` is as it came where nothing was changed. `variables` are environment variables that it reads now."""

    language: Language
    code: str
    changes: tuple[Change, ...] = ()
    left: tuple[Left, ...] = ()
    warnings: tuple[Caution, ...] = ()
    variables: tuple[str, ...] = ()
    refusal: Refusal | None = None
