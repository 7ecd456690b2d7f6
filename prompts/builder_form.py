"""What people set in the builder. It is read leniently: what is right is in the code while the rest is being typed."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from config.forms import PlainWords
from prompts import builder, snippets
from prompts.catalog import Registered
from prompts.models import MAX_KEY_LENGTH, MAX_VERSION_NUMBER, NO_PROMPT_KEY
from prompts.snippets import LANGUAGES, Kind, Sample

PROVIDERS = {"openai": "OpenAI", "anthropic": "Anthropic"}
DEFAULT_MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}
MOST_TAGS = 20
MAX_TAG_LENGTH = 64
_MOST_TOKENS = 10**8
_MOST_CHARACTERS = 20_000
_TEMPERATURE = dict.fromkeys(
    ("invalid", "min_value", "max_value", "max_decimal_places", "max_digits"),
    "The temperature is a number from 0 to 2, like 0.7.",
)
_WHOLE = dict.fromkeys(("invalid", "min_value", "max_value"), "Write a whole number, like 1024.")


def _text(**attributes: Any) -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", **attributes})


def _tokens(label: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, required=False, min_value=0, max_value=_MOST_TOKENS, error_messages=dict(_WHOLE)
    )


class TagsField(forms.CharField):
    """Tags with commas between them, as a tuple; each one once. The limits are those of the proxy."""

    def clean(self, value: Any) -> Any:
        tags = tuple(dict.fromkeys(tag.strip() for tag in super().clean(value).split(",") if tag.strip()))
        if len(tags) > MOST_TAGS:
            raise ValidationError(f"A request carries at most {MOST_TAGS} tags, and these are {len(tags)}.")
        for tag in tags:
            if len(tag) > MAX_TAG_LENGTH or not tag.isprintable():
                raise ValidationError(f"A tag has at most {MAX_TAG_LENGTH} characters, no control characters.")
        return tags


class LabelsForm(PlainWords, forms.Form):
    """The labels under which requests are counted; shared with the code import."""

    prompt_key = forms.CharField(
        label="Prompt key",
        required=False,
        max_length=MAX_KEY_LENGTH,
        widget=_text(list="builder-keys", placeholder="document-summarizer"),
    )
    version = forms.IntegerField(
        label="Version",
        required=False,
        min_value=1,
        max_value=MAX_VERSION_NUMBER,
        error_messages=dict(_WHOLE),
        widget=_text(inputmode="numeric", placeholder="the active one", list="builder-versions"),
    )
    feature_tags = TagsField(
        label="Feature tags",
        required=False,
        widget=_text(placeholder="onboarding, email"),
    )

    def clean_prompt_key(self) -> str:
        key = str(self.cleaned_data["prompt_key"])
        if key == NO_PROMPT_KEY:
            raise ValidationError("“unknown” stands for no prompt. Choose another key, or leave it empty.")
        if not key.isprintable():
            raise ValidationError("A prompt's key cannot hold control characters.")
        return key


class BuilderForm(LabelsForm):
    provider = forms.ChoiceField(choices=PROVIDERS.items(), widget=forms.RadioSelect)
    model = forms.CharField(max_length=200, widget=_text(list="builder-models", **{"class": "mono"}))
    temperature = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=2,
        max_digits=4,
        decimal_places=3,
        error_messages=_TEMPERATURE,
        widget=_text(inputmode="decimal", placeholder="the model's own"),
    )
    max_tokens = forms.IntegerField(
        label="Max tokens",
        required=False,
        min_value=1,
        max_value=_MOST_TOKENS,
        error_messages=dict(_WHOLE),
        widget=_text(inputmode="numeric", placeholder="no limit"),
    )
    stream = forms.BooleanField(label="Stream the answer", required=False)
    system = forms.CharField(
        label="System message",
        required=False,
        max_length=_MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off"}),
    )
    prompt = forms.CharField(
        label="User message",
        required=False,
        max_length=_MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
    )
    input_tokens = _tokens("Tokens in")
    output_tokens = _tokens("Tokens out")
    language = forms.ChoiceField(choices=[(name, label) for name, (label, _) in LANGUAGES.items()])
    kind = forms.CharField(max_length=40, required=False)
    # The provider as it was shown, to tell who was changed: the provider or the model.
    shown_provider = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(settle(data), auto_id="builder_%s")
        self.is_right = self.is_valid()
        # Invalid fields are absent from cleaned_data, and stand in the code as if they were empty.
        self.given: dict[str, Any] = self.cleaned_data
        self.chosen_provider = self.given.get("provider") or "openai"
        self.chosen_model = self.given.get("model") or DEFAULT_MODELS[self.chosen_provider]
        self.rules = builder.rules_for(self.chosen_provider, self.chosen_model)
        self.chosen_kind = snippets.choose_kind(
            self.given.get("language") or "python", self.chosen_provider, snippets.find_kind(self.given.get("kind", ""))
        )
        self._explain()

    def _explain(self) -> None:
        # On the bound fields: they were made for validation, before the model was known.
        self["max_tokens"].help_text = self.rules.limit_note
        if self.chosen_provider == "anthropic":
            self.fields["max_tokens"].widget.attrs["placeholder"] = f"{snippets.ANTHROPIC_MAX_TOKENS:,}"
        if self.rules.temperature_off:
            # Not disabled: what was typed is still there when another model takes it.
            self["temperature"].help_text = self.rules.temperature_off
            self.fields["temperature"].widget.attrs.update(
                {"readonly": True, "class": "is-off", "placeholder": "not sent"}
            )

    @property
    def typed_tokens(self) -> tuple[int | None, int | None]:
        return self.given.get("input_tokens"), self.given.get("output_tokens")

    def sample(self, public_url: str) -> Sample:
        given = self.given
        is_warm = given.get("temperature") is not None and not self.rules.temperature_off
        return Sample(
            public_url=public_url,
            provider=self.chosen_provider,
            model=self.chosen_model,
            system=given.get("system", ""),
            prompt=given.get("prompt") or "Hello!",
            prompt_key=given.get("prompt_key", ""),
            feature_tags=given.get("feature_tags", ()),
            version=given.get("version"),
            temperature=float(given["temperature"]) if is_warm else None,
            max_tokens=given.get("max_tokens"),
            stream=given.get("stream", False),
            keys="environment",
        )

    @property
    def libraries(self) -> tuple[Kind, ...]:
        return snippets.kinds_in(self.chosen_kind.language, self.chosen_provider)


def settle(data: Mapping[str, Any]) -> dict[str, Any]:
    """A provider that was just chosen brings a model of its own; a model that was just typed brings its provider."""
    settled = {name: data[name] for name in data}
    provider, shown = settled.get("provider", ""), settled.get("shown_provider", "")
    owner = builder.provider_of(str(settled.get("model", "")).strip())
    if owner and provider in PROVIDERS and owner != provider:
        if shown and shown != provider:
            settled["model"] = DEFAULT_MODELS[provider]
        else:
            settled["provider"] = owner
    settled["shown_provider"] = settled.get("provider", "")
    return settled


def beginning(key: str, registered: Registered | None, number: int | None = None) -> dict[str, Any]:
    """What the form shows first: as the prompt's version of this number is configured, else its active one."""
    data: dict[str, Any] = {
        "provider": "openai",
        "model": DEFAULT_MODELS["openai"],
        "language": "python",
        "kind": "openai-python",
        "prompt_key": key,
        "system": "You are a helpful assistant.",
        "prompt": "Say hello in one short sentence.",
    }
    versions = registered.versions if registered else []
    chosen = next((one for one in versions if one.number == number or (number is None and one.is_active)), None)
    if chosen is None:
        return data
    limits = {"temperature": chosen.temperature, "max_tokens": chosen.max_tokens, "version": number}
    data |= {name: str(value) for name, value in limits.items() if value is not None}
    data["model"] = chosen.model
    data["provider"] = builder.provider_of(chosen.model) or "openai"
    return data
