"""An organization's prompts with what each has cost, and what is registered about one's versions. Reads only.

One prompt as its page shows it is `prompts.history`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal, get_args

from analytics import periods, reports
from analytics.periods import Period
from analytics.reports import LastUse, Scope, Sums
from analytics.versions import Configured
from prompts.models import Prompt, PromptActivation, PromptVersion

SPARK_DAYS = 30

Order = Literal["name", "requests", "cost", "used"]
ORDERS: tuple[Order, ...] = get_args(Order)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the list. Usage that no prompt is registered for has no `prompt`."""

    key: str
    prompt: Prompt | None
    active_number: int | None  # the version that requests without one are counted under
    sums: Sums  # of the period asked for
    daily_costs: Sequence[int]  # pico-USD of the last 30 days, whatever was asked for
    last_use: LastUse | None
    is_used_again: bool = False  # by requests after it was archived

    @property
    def name(self) -> str:
        return self.key or reports.UNKNOWN_PROMPT


@dataclass(frozen=True, slots=True)
class Catalog:
    current: Sequence[Entry]
    archived: Sequence[Entry]
    unregistered: Sequence[Entry]  # requests that name no prompt, and those over the day's limit of new ones
    total: Sums


def list_prompts(organization_id: int, period: Period, *, now: datetime, zone: tzinfo) -> Catalog:
    """All prompts in the order of keys. Seven queries at most, whatever there is."""
    today = periods.local_day(now, zone)
    month = Period(today - timedelta(days=SPARK_DAYS - 1), today)
    sums_of = reports.sums_by(Scope(organization_id, period), "prompt_key")
    costs_of = reports.daily_costs_by(Scope(organization_id, month), "prompt_key")
    uses = reports.last_uses_of_prompts(organization_id, now=now, zone=zone)
    numbers = PromptActivation.objects.active_numbers(organization_id)
    prompts = {prompt.key: prompt for prompt in Prompt.objects.of(organization_id)}
    used_again = find_used_again(prompts.values(), uses, now=now, zone=zone)

    def entry(key: str) -> Entry:
        prompt = prompts.get(key)
        return Entry(
            key=key,
            prompt=prompt,
            active_number=numbers.get(prompt.pk) if prompt else None,
            sums=sums_of.get(key, reports.NOTHING),
            daily_costs=costs_of.get(key, [0] * SPARK_DAYS),
            last_use=uses.get(key),
            is_used_again=key in used_again,
        )

    return Catalog(
        current=[entry(key) for key, prompt in prompts.items() if not prompt.is_archived],
        archived=[entry(key) for key, prompt in prompts.items() if prompt.is_archived],
        unregistered=[entry(key) for key in sorted(sums_of.keys() - prompts.keys())],
        total=reports.add_sums(sums_of.values()),
    )


def find_used_again(
    prompts: Iterable[Prompt], uses: Mapping[str, LastUse], *, now: datetime, zone: tzinfo
) -> frozenset[str]:
    """The keys of archived prompts that requests have named since. No query, one while one was archived just lately.

    The roll-ups know days. Of the day on which a prompt was archived, its records are asked while that is not long ago.
    """
    found, unsure = set(), {}
    for prompt in prompts:
        use = uses.get(prompt.key)
        if prompt.archived_at is None or use is None:
            continue
        archived_on = periods.local_day(prompt.archived_at, zone)
        if use.day > archived_on:
            found.add(prompt.key)
        elif use.day == archived_on and now - prompt.archived_at < timedelta(days=2):
            unsure[prompt.key] = prompt
    if unsure:
        since = min(prompt.archived_at for prompt in unsure.values() if prompt.archived_at)
        calls = reports.last_calls_of_prompts(next(iter(unsure.values())).organization_id, unsure, since=since)
        found |= {key for key, at in calls.items() if at > (unsure[key].archived_at or at)}
    return frozenset(found)


def sort_entries(entries: Iterable[Entry], order: Order = "cost", descending: bool = True) -> list[Entry]:
    """Equals go by key; what was never used comes last either way."""
    ranked = sorted(entries, key=lambda entry: entry.key)
    if order == "name":
        return sorted(ranked, key=lambda entry: entry.key.casefold(), reverse=descending)
    measure = _MEASURES[order]
    used = [entry for entry in ranked if entry.last_use]
    used.sort(key=lambda entry: -measure(entry) if descending else measure(entry))
    return used + [entry for entry in ranked if not entry.last_use]


def _freshness(entry: Entry) -> int:
    """The more, the later it was used: days, and minutes within the last hour."""
    use = entry.last_use
    assert use is not None
    return use.day.toordinal() * 100 + (60 - use.minutes_ago if use.minutes_ago is not None else 0)


_MEASURES: Mapping[str, Callable[[Entry], int]] = {
    "cost": lambda entry: entry.sums.cost_pico_usd,
    "requests": lambda entry: entry.sums.request_count,
    "used": _freshness,
}


@dataclass(frozen=True, slots=True)
class Registered:
    """A prompt, and its versions as they are compared; the newest first."""

    prompt: Prompt
    versions: list[Configured]


def find_registered(organization_id: int, key: str) -> Registered | None:
    """The organization's prompt of this key, archived or not. Three queries, one where there is none."""
    prompt = Prompt.objects.of(organization_id).filter(key=key).first()
    if prompt is None:
        return None
    active = prompt.activations.open().values_list("version_id", flat=True).first()
    return Registered(prompt, [configure(version, active) for version in prompt.versions.order_by("-number")])


def configure(version: PromptVersion, active_id: int | None) -> Configured:
    """A version as it is compared; `active_id` is that of the prompt's active version."""
    return Configured(
        number=version.number,
        model=version.model,
        temperature=version.temperature,
        max_tokens=version.max_tokens,
        note=version.note,
        is_active=version.pk == active_id,
    )
