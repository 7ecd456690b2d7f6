"""What the guide asks for. The keys that are typed here are never put into a page again."""

import re
from datetime import datetime
from typing import Any

from django import forms

from analytics.price_book.models import CurrentModel, list_current_models
from analytics.provider_names import PROVIDERS
from analytics.templatetags.money import money
from config.forms import PlainWords
from orgs import keys
from orgs.forms import TimezoneField
from orgs.models import ApiKey, Organization

PREFERRED_MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}
_BEGINS = {"openai": "sk-...", "anthropic": "sk-ant-..."}
_MAX_PROMPT = 2000
# What can stand in a header: visible ASCII.
_HEADER_TEXT = re.compile(r"[\x21-\x7e]+")
_MILLION = 10**6


class WelcomeForm(PlainWords, forms.Form):
    name = forms.CharField(
        label="Organization name",
        max_length=Organization._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        help_text="Your company or team. You can rename it at any time.",
    )
    timezone = TimezoneField(
        label="Time zone", proposes=True, help_text="Spend is counted in days of this zone. Your own is proposed."
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["timezone"].widget.attrs["data-searchable"] = True


class SecretInput(forms.PasswordInput):
    """Not shown while it is typed, not kept by the browser, never sent back."""

    def __init__(self, **attrs: Any) -> None:
        off = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
        super().__init__(render_value=False, attrs=off | attrs)


class PromptForm(PlainWords, forms.Form):
    platform_key = forms.CharField(
        label="Your AI Prompt Cost key",
        max_length=200,
        widget=SecretInput(placeholder="apc_..."),
        help_text="The key of the step before.",
        error_messages={"required": "Paste the key that you have created, or create another one."},
    )
    provider_key = forms.CharField(
        max_length=500, widget=SecretInput(), help_text="Used for this one request. Never stored, never logged."
    )
    model = forms.ChoiceField(help_text="With the prices of a million tokens, in and out.")
    prompt = forms.CharField(
        label="Prompt",
        max_length=_MAX_PROMPT,
        initial="In one sentence: why should a team know what each of its prompts costs?",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(
        self,
        *arguments: Any,
        organization: Organization,
        provider: str,
        now: datetime,
        is_simulated: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._organization = organization
        self._provider = provider
        self.platform_key_record: ApiKey | None = None
        own = self.fields["provider_key"]
        own.label = f"Your {PROVIDERS[provider]} key"
        own.widget.attrs["placeholder"] = _BEGINS[provider]
        own.required = not is_simulated
        own.error_messages["required"] = f"Enter your {PROVIDERS[provider]} key, or simulate the request instead."
        models = list_current_models(provider, now)
        choice = self.fields["model"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(model.name, _labelled(model)) for model in models]
        if PREFERRED_MODELS[provider] in {model.name for model in models}:
            choice.initial = PREFERRED_MODELS[provider]

    def clean_platform_key(self) -> str:
        key: str = self.cleaned_data["platform_key"].strip()
        if not keys.has_valid_form(key):
            raise forms.ValidationError("This is no AI Prompt Cost key. They begin with apc_ and have 44 characters.")
        record = ApiKey.objects.of(self._organization).with_key(key).first()
        if record is None:
            raise forms.ValidationError("This key does not belong to the organization that you are setting up.")
        if record.is_revoked:
            raise forms.ValidationError("This key was revoked. Create another one.")
        self.platform_key_record = record
        return key

    def clean_provider_key(self) -> str:
        key: str = self.cleaned_data["provider_key"].strip()
        if key.startswith(keys.MARK):
            raise forms.ValidationError(
                f"This is your AI Prompt Cost key. Here goes that of {PROVIDERS[self._provider]}."
            )
        if key and not _HEADER_TEXT.fullmatch(key):
            raise forms.ValidationError("The key holds characters that no key has. Copy it again.")
        return key


def _labelled(model: CurrentModel) -> str:
    rates = model.rates
    return f"{model.name}: {money(rates.input * _MILLION)} in, {money(rates.output * _MILLION)} out"
