from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from config.admin.acts import act_on_each, confirmed
from orgs.admin import ReadOnlyAdmin, RecordAdmin, staff
from orgs.admin.keys import ArchivedFilter
from prompts import services
from prompts.models import Prompt, PromptActivation, PromptVersion


@admin.register(Prompt)
class PromptAdmin(RecordAdmin):
    list_display = ("key", "name", "organization", "is_auto_created", "archived_at", "created_at")
    list_filter = ("is_auto_created", ArchivedFilter)
    list_select_related = ("organization",)
    search_fields = ("key", "name", "organization__name", "organization__slug")
    autocomplete_fields = ("organization",)
    fields = ("organization", "key", "name", "description", "is_auto_created", "archived_at", "created_at")
    readonly_fields = ("is_auto_created", "archived_at", "created_at")
    fields_chosen_once = ("organization", "key")
    actions = ("archive", "deactivate")

    def save_model(self, request: HttpRequest, obj: Prompt, form: Any, change: bool) -> None:
        if change:
            services.describe(prompt=obj, name=obj.name, description=obj.description, by=staff(request))
        else:
            made = services.create_prompt(
                organization=obj.organization,
                key=obj.key,
                name=obj.name,
                description=obj.description,
                by=staff(request),
            )
            obj.pk = made.pk

    @admin.action(description="Archive", permissions=["end"])
    @confirmed(
        what_happens="They leave the lists of their organizations, and their active versions end. "
        "What they cost stays, and members can restore them.",
        button="Archive the prompts",
    )
    def archive(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        def archive(prompt: Prompt) -> None:
            services.archive(prompt=prompt, by=staff(request))

        act_on_each(self, request, queryset, archive, done="Archived")

    @admin.action(description="Deactivate the active version", permissions=["end"])
    @confirmed(
        what_happens="From now on their calls that name no version count for none.",
        button="Deactivate the versions",
    )
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        def deactivate(prompt: Prompt) -> None:
            services.deactivate(prompt=prompt, by=staff(request))

        act_on_each(self, request, queryset, deactivate, done="Deactivated")


@admin.register(PromptVersion)
class PromptVersionAdmin(RecordAdmin):
    list_display = ("prompt", "number", "model", "temperature", "max_tokens", "created_at")
    list_select_related = ("prompt",)
    search_fields = ("prompt__key", "prompt__name", "model")
    autocomplete_fields = ("prompt",)
    fields = ("prompt", "number", "model", "temperature", "max_tokens", "note", "created_at")
    readonly_fields = ("created_at",)
    # What a version was must stay true for the requests that were made with it.
    fields_chosen_once = ("prompt", "number", "model", "temperature", "max_tokens")
    actions = ("activate",)

    def save_model(self, request: HttpRequest, obj: PromptVersion, form: Any, change: bool) -> None:
        if change:
            self.save_changes(request, obj, form.changed_data, obj.prompt.organization_id)
        else:
            made = services.add_version(
                prompt=obj.prompt,
                number=obj.number,
                model=obj.model,
                temperature=obj.temperature,
                max_tokens=obj.max_tokens,
                note=obj.note,
                by=staff(request),
            )
            obj.pk = made.pk

    @admin.action(description="Activate", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[PromptVersion]) -> None:
        def activate(version: PromptVersion) -> None:
            services.activate(version=version, by=staff(request))

        act_on_each(self, request, queryset, activate, done="Active")


@admin.register(PromptActivation)
class PromptActivationAdmin(ReadOnlyAdmin):
    list_display = ("prompt", "version", "active_from", "active_until")
    list_select_related = ("prompt", "version__prompt")
    search_fields = ("prompt__key", "prompt__name")
