"""A prompt, its numbered versions, and which version was active when. Prompt texts are never stored."""

import re
from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.utils import timezone

MAX_KEY_LENGTH = 128
MAX_VERSION_NUMBER = 2**31 - 1
# Clients send this word when they have no prompt key, so no prompt may be called so.
NO_PROMPT_KEY = "unknown"
# What no key may hold, whether a request names it (`proxy.body`) or a person.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class PromptQuerySet(models.QuerySet["Prompt"]):
    def current(self) -> "PromptQuerySet":
        return self.filter(archived_at=None)

    def of(self, organization_id: int) -> "PromptQuerySet":
        return self.filter(organization_id=organization_id)


class Prompt(models.Model):
    organization = models.ForeignKey("orgs.Organization", on_delete=models.PROTECT, related_name="prompts")
    key = models.CharField(max_length=MAX_KEY_LENGTH)
    name = models.CharField(max_length=200, blank=True, default="")
    description = models.TextField(blank=True, default="")
    is_auto_created = models.BooleanField(default=False, help_text="Made by the first request that named it.")
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PromptQuerySet.as_manager()

    class Meta:
        ordering = ["key", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key"],
                name="prompts_prompt_key_once_per_organization",
                violation_error_message="This organization already has a prompt with that key.",
            ),
            models.CheckConstraint(
                condition=~models.Q(key__in=["", NO_PROMPT_KEY]),
                name="prompts_prompt_key_names_a_prompt",
                violation_error_message="A prompt's key is not empty, and “unknown” stands for no prompt.",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "created_at"],
                condition=models.Q(is_auto_created=True),
                name="prompts_auto_created_by_day",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.key

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None


class PromptVersion(models.Model):
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    model = models.CharField(max_length=200)
    temperature = models.FloatField(null=True, blank=True)
    max_tokens = models.PositiveIntegerField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["prompt", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["prompt", "number"],
                name="prompts_version_number_once_per_prompt",
                violation_error_message="This prompt already has a version of that number.",
            ),
            models.CheckConstraint(
                condition=models.Q(number__gte=1, number__lte=MAX_VERSION_NUMBER),
                name="prompts_version_number_is_positive",
                violation_error_message="Version numbers start at 1.",
            ),
            models.CheckConstraint(condition=~models.Q(model=""), name="prompts_version_model_is_not_empty"),
            models.CheckConstraint(
                condition=models.Q(temperature=None) | models.Q(temperature__gte=0, temperature__lte=2),
                name="prompts_version_temperature_is_in_range",
                violation_error_message="The temperature lies between 0 and 2.",
            ),
            models.CheckConstraint(
                condition=models.Q(max_tokens=None) | models.Q(max_tokens__gte=1),
                name="prompts_version_max_tokens_is_positive",
                violation_error_message="The token limit is at least 1.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prompt} v{self.number}"


class PromptActivationQuerySet(models.QuerySet["PromptActivation"]):
    def open(self) -> "PromptActivationQuerySet":
        return self.filter(active_until=None)

    def active_numbers(self, organization_id: int) -> dict[int, int]:
        """The number of each prompt's active version, by the prompt's id; prompts without one are absent."""
        found = self.open().filter(prompt__organization_id=organization_id)
        return dict(found.values_list("prompt_id", "version__number"))

    def touching(
        self, organization_id: int, keys: Iterable[str], first: datetime, last: datetime
    ) -> "PromptActivationQuerySet":
        """Activations of these prompts that were in force at some moment between `first` and `last`, both included."""
        return self.filter(
            models.Q(active_until=None) | models.Q(active_until__gt=first),
            prompt__organization_id=organization_id,
            prompt__key__in=keys,
            active_from__lte=last,
        )


class PromptActivation(models.Model):
    """A version was active from `active_from` (included) until `active_until` (not included; None: it still is)."""

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="activations")
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="activations")
    active_from = models.DateTimeField()
    active_until = models.DateTimeField(null=True, blank=True)

    objects = PromptActivationQuerySet.as_manager()

    class Meta:
        ordering = ["prompt", "-active_from", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["prompt"],
                condition=models.Q(active_until=None),
                name="prompts_activation_one_open_per_prompt",
                violation_error_message="Another version of this prompt is active.",
            ),
            models.CheckConstraint(
                condition=models.Q(active_until=None) | models.Q(active_until__gte=models.F("active_from")),
                name="prompts_activation_ends_after_it_began",
                violation_error_message="An activation cannot end before it began.",
            ),
        ]
        indexes = [models.Index(fields=["prompt", "active_from"], name="prompts_activation_by_time")]

    def __str__(self) -> str:
        return f"{self.version} from {self.active_from:%Y-%m-%d %H:%M}"
