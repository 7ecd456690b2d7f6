"""An organization's prompts with what each has cost, and what is registered about one's versions. Reads only."""

from dataclasses import dataclass

from analytics import reports
from analytics.reports import Scope, Sums
from analytics.versions import Configured
from prompts.models import Prompt, PromptActivation


@dataclass(frozen=True, slots=True)
class Entry:
    prompt: Prompt
    active_number: int | None  # the version that requests without one are counted under
    sums: Sums  # of all time


def list_prompts(organization_id: int) -> list[Entry]:
    """The most expensive prompt first, archived ones last. Three queries."""
    sums_of = reports.sums_by(Scope(organization_id, reports.ALL_TIME), "prompt_key")
    numbers = PromptActivation.objects.active_numbers(organization_id)
    prompts = Prompt.objects.of(organization_id)
    entries = [Entry(prompt, numbers.get(prompt.pk), sums_of.get(prompt.key, Sums())) for prompt in prompts]
    return sorted(entries, key=lambda one: (one.prompt.is_archived, -one.sums.cost_pico_usd, one.prompt.key))


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
    versions = [
        Configured(
            number=version.number,
            model=version.model,
            temperature=version.temperature,
            max_tokens=version.max_tokens,
            note=version.note,
            is_active=version.pk == active,
        )
        for version in prompt.versions.order_by("-number")
    ]
    return Registered(prompt, versions)
