"""The list of an organization's prompts with what each has cost. Reads only."""

from dataclasses import dataclass

from analytics import reports
from analytics.reports import Scope, Sums
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
