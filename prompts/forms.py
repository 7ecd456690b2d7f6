"""What people type about prompts and versions. Forms check the shape; the services decide."""

from typing import Any

from django import forms

from config.forms import PlainWords
from prompts.models import MAX_KEY_LENGTH, MAX_VERSION_NUMBER, Prompt, PromptVersion

_WHOLE = "Write a whole number, like 1024."


class DescriptionForm(PlainWords, forms.Form):
    name = forms.CharField(
        required=False,
        max_length=Prompt._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="How people call it, like “Document summarizer”. Shown beside the key.",
    )
    description = forms.CharField(
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What it is for and who looks after it. Not the prompt's text: that is never kept here.",
    )


class PromptForm(DescriptionForm):
    # Longer keys reach the service, which says how long they are.
    key = forms.CharField(
        label="Key",
        max_length=5000,
        strip=True,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autofocus": True, "spellcheck": "false", "class": "mono"}
        ),
        help_text=(
            f"What your code sends as prompt_key, letter by letter. Up to {MAX_KEY_LENGTH} characters of any kind: "
            "document-summarizer, support/reply, résumé. Capitals count, and “unknown” is taken. It cannot be changed."
        ),
    )
    field_order = ("key", "name", "description")


class VersionForm(PlainWords, forms.Form):
    """`latest` is the highest number when the form was shown; it goes with a version that takes the next one."""

    latest = forms.IntegerField(
        widget=forms.HiddenInput(attrs={"autocomplete": "off"}),
        min_value=0,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value"), "This form is incomplete. Please send it once more."
        ),
    )
    model = forms.CharField(
        max_length=PromptVersion._meta.get_field("model").max_length,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "list": "model-names", "class": "mono"}
        ),
        help_text="The name that your code sends to the provider.",
    )
    temperature = forms.FloatField(
        required=False,
        min_value=0,
        max_value=2,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal", "placeholder": "default"}),
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), "The temperature is a number from 0 to 2, like 0.7."
        ),
    )
    max_tokens = forms.IntegerField(
        label="Max tokens",
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "placeholder": "no limit"}),
        error_messages={
            "invalid": _WHOLE,
            "min_value": "The limit is at least 1 token.",
            "max_value": f"The limit is at most {2**31 - 1:,} tokens.",
        },
    )
    note = forms.CharField(
        required=False,
        max_length=PromptVersion._meta.get_field("note").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Shorter answers, cheaper model"}),
        help_text="What is different, in a few words.",
    )
    number = forms.IntegerField(
        label="Version number",
        required=False,
        min_value=1,
        max_value=MAX_VERSION_NUMBER,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text="Leave it empty for the next one.",
        error_messages={
            "invalid": "Write a whole number, like 3.",
            "min_value": "Version numbers start at 1.",
            "max_value": f"Version numbers go up to {MAX_VERSION_NUMBER:,}.",
        },
    )
    is_active = forms.BooleanField(
        label="Make it the active version",
        required=False,
        help_text="Requests that name no version count as the active one, from now on.",
    )

    def __init__(self, *arguments: Any, next_number: int, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["number"].widget.attrs["placeholder"] = str(next_number)
