"""What people paste into the code import, and how its requests shall be labelled."""

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from prompts.builder_form import LabelsForm
from prompts.importer import MOST_CHARACTERS, Language, Target

LANGUAGES: dict[str, str] = {
    "": "Tell by the code",
    "python": "Python",
    "javascript": "JavaScript",
    "typescript": "TypeScript",
    "bash": "Shell (curl)",
}
# What the code is called in a sentence, and the ending of its file.
KINDS = {
    "python": ("Python", "py"),
    "javascript": ("JavaScript", "js"),
    "typescript": ("TypeScript", "ts"),
    "bash": ("shell", "sh"),
}


class CodeField(forms.CharField):
    """As it was pasted, but for the line endings, which browsers send as CR LF."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")

    def validate(self, value: Any) -> None:
        if not value.strip():
            raise ValidationError("Paste the code that calls OpenAI or Anthropic.")
        if len(value) > MOST_CHARACTERS:
            raise ValidationError(
                f"This is {len(value):,} characters long, and at most {MOST_CHARACTERS:,} fit."
                " Paste only the files that call OpenAI or Anthropic, one after another."
            )


class ImportForm(LabelsForm):
    code = CodeField(
        label="Your code",
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 16,
                "class": "mono",
                "spellcheck": "false",
                "autocomplete": "off",
                "autocapitalize": "off",
                "wrap": "off",
                "data-most": MOST_CHARACTERS,
                "placeholder": "from openai import OpenAI\n\nclient = OpenAI()\n…",
            }
        ),
    )
    language = forms.ChoiceField(label="Language", required=False, choices=LANGUAGES.items())

    def __init__(self, data: Mapping[str, Any] | None, initial: Mapping[str, Any]) -> None:
        super().__init__(data, auto_id="import_%s", initial=dict(initial))
        self.fields["prompt_key"].widget.attrs["list"] = "import-keys"  # the builder's may be on the same page

    @property
    def chosen_language(self) -> Language | None:
        return cast("Language | None", self.cleaned_data["language"] or None)

    def target(self, public_url: str) -> Target:
        given = self.cleaned_data
        return Target(
            public_url=public_url,
            prompt_key=given["prompt_key"],
            feature_tags=given["feature_tags"],
            version=given["version"],
        )
