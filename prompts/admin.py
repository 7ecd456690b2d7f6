from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from orgs.admin import ReadOnlyAdmin, RecordAdmin, staff
from prompts import services
from prompts.models import Prompt, PromptActivation, PromptVersion


@admin.register(Prompt)
class PromptAdmin(RecordAdmin):
    list_display = ("key", "name", "organization", "is_auto_created", "archived_at", "created_at")
    list_filter = ("is_auto_created",)
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

    @admin.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        for prompt in queryset:
            services.archive(prompt=prompt, by=staff(request))

    @admin.action(description="Deactivate the active version", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        for prompt in queryset:
            services.deactivate(prompt=prompt, by=staff(request))


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
        for version in queryset:
            try:
                services.activate(version=version, by=staff(request))
            except ValidationError as error:
                self.message_user(request, f"{version}: {' '.join(error.messages)}", messages.ERROR)


@admin.register(PromptActivation)
class PromptActivationAdmin(ReadOnlyAdmin):
    list_display = ("prompt", "version", "active_from", "active_until")
    list_select_related = ("prompt", "version__prompt")
    search_fields = ("prompt__key", "prompt__name")
