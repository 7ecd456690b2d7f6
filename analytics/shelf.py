"""Where a pending call and what a later answer told of it wait for each other, whichever comes first. Pure.

One `Kept` for each object of a provider's: the response or batch that a call created, or a file that holds a batch's
results. Reading and writing them is `analytics.completions`.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from analytics.usage import Completion, UsageRecord


class Name(NamedTuple):
    """Ordered as the rows are written. One organization's objects are never another's."""

    organization_id: int
    provider: str
    object_id: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an object so far."""

    alias_of: str = ""  # the batch whose results it holds
    record_id: str = ""  # the call that created it
    completion: Completion | None = None
    completed_at: int = 0  # when the call began whose answer told the completion; microseconds since the epoch


class Settling(msgspec.Struct, frozen=True, kw_only=True):
    """A call whose outcome is to be written into its record."""

    record_id: str
    completion: Completion
    completed_at: int
    replaced: Completion | None  # what the record holds now; None: nothing, it is pending


class Shelf:
    """Starts with what is kept, takes in what a segment tells, and says what changed and which calls are settled."""

    def __init__(self, kept: Mapping[Name, Kept]) -> None:
        self._before = dict(kept)
        self._now = dict(kept)

    def add(self, record: UsageRecord, *, is_known: bool = False) -> None:
        """All that a record tells. `is_known`: it is in the ledger already, and waits here or is settled for good."""
        if record.state == "pending" and record.object_id and not is_known:
            self._register(_name(record, record.object_id), record.id)
        for alias in record.aliases:
            self._add_alias(_name(record, alias.name), alias.object_id)
        if record.completion is not None:
            self._complete(_name(record, record.completion.object_id), record.completion, record.started_at)

    def changes(self) -> dict[Name, Kept]:
        """In the order of their names."""
        return {name: self._now[name] for name in sorted(self._now) if self._now[name] != self._before.get(name)}

    def settlings(self) -> Iterator[Settling]:
        """The calls whose outcome is new, in no order."""
        for name, kept in self.changes().items():
            before = self._before.get(name, Kept())
            if kept.record_id and kept.completion is not None:
                replaced = before.completion if before.record_id else None
                if kept.completion != replaced:
                    yield Settling(
                        record_id=kept.record_id,
                        completion=kept.completion,
                        completed_at=kept.completed_at,
                        replaced=replaced,
                    )

    def is_new(self, name: Name) -> bool:
        return name not in self._before

    def is_claimed(self, name: Name) -> bool:
        """Whether a call of ours created it, or what it is an alias of."""
        kept = self._now.get(name, Kept())
        return bool(kept.record_id or (kept.alias_of and self._now.get(_target(name, kept), Kept()).record_id))

    def _register(self, name: Name, record_id: str) -> None:
        kept = self._now.get(name, Kept())
        if not kept.record_id:  # the same answer given twice is one object: its first call has it
            self._now[name] = msgspec.structs.replace(kept, record_id=record_id)

    def _add_alias(self, name: Name, object_id: str) -> None:
        kept = self._now.get(name, Kept())
        if kept.alias_of or kept.record_id or name.object_id == object_id:
            return
        self._now[name] = msgspec.structs.replace(kept, alias_of=object_id, completion=None, completed_at=0)
        if kept.completion is not None:
            self._complete(name, kept.completion, kept.completed_at)

    def _complete(self, name: Name, completion: Completion, at: int) -> None:
        kept = self._now.get(name, Kept())
        if kept.alias_of:
            name = _target(name, kept)
            kept = self._now.get(name, Kept())
        if kept.completion is None or _weight(completion) > _weight(kept.completion):
            self._now[name] = msgspec.structs.replace(kept, completion=completion, completed_at=at)


def _name(record: UsageRecord, object_id: str) -> Name:
    return Name(record.organization_id, record.provider, object_id)


def _target(name: Name, kept: Kept) -> Name:
    return name._replace(object_id=kept.alias_of)


def _weight(completion: Completion) -> tuple[bool, bool]:
    """Of two tales of one object the weightier holds, of equals the first.

    One with usage goes first: of a batch's two files of results that of its failures may tell of none.
    """
    return completion.usage.is_billable, completion.is_final
