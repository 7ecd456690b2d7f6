"""The form in which staff enter prices: in USD per million tokens, per thousand searches, per hour, as price lists do.

The columns hold pico-USD per token, search, character and hour; 0 is free, an empty field is not known.
"""

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from analytics import price_book
from analytics.models import Discount, ModelPrice
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book.bundled import PROVIDERS
from analytics.price_book.csv_file import MOST_BYTES
from analytics.pricing import PICO_USD
from config.forms import PlainWords


class RateField(forms.DecimalField):
    """USD for `units` on the page, whole pico-USD for one of them inside."""

    def __init__(self, *, units: int, **options: Any) -> None:
        self.units = units
        places = len(str(PICO_USD // units)) - 1  # as many as make a whole pico-USD
        super().__init__(min_value=0, max_digits=places + 6, decimal_places=places, required=False, **options)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, int):
            return value  # as it was typed
        return format((Decimal(value) * self.units / PICO_USD).normalize(), "f")

    def clean(self, value: Any) -> Any:
        usd = super().clean(value)
        return None if usd is None else int(usd * PICO_USD / self.units)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != initial)
        except ValidationError:
            return True


def _per_million_tokens(name: str, stand_in: str) -> RateField:
    help_text = f"Empty: the price of the {stand_in} stands in, and costs are partial."
    return RateField(units=10**6, label=name, help_text=help_text)


def _other(name: str, units: int) -> RateField:
    return RateField(units=units, label=name, help_text="Empty: not known. 0: free.")


class ModelPriceForm(PlainWords, forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable while running
    input_pico_usd = RateField(units=10**6, label="Input", help_text="Empty: not sold by the token. 0: free.")
    cache_read_pico_usd = _per_million_tokens("Input read from the cache", "input")
    cache_write_5m_pico_usd = _per_million_tokens("Input cached for 5 minutes", "input")
    cache_write_1h_pico_usd = _per_million_tokens("Input cached for an hour", "5-minute writes")
    input_audio_pico_usd = _per_million_tokens("Audio input", "input")
    input_image_pico_usd = _per_million_tokens("Image input", "input")
    output_pico_usd = RateField(units=10**6, label="Output", help_text="Empty: not sold by the token. 0: free.")
    output_audio_pico_usd = _per_million_tokens("Audio output", "output")
    output_image_pico_usd = RateField(units=10**6, label="Image output", help_text="Empty: the price of the output.")
    web_search_pico_usd = _other("Web search, USD per 1,000 searches", 1000)
    file_search_pico_usd = _other("File search, USD per 1,000 searches", 1000)
    character_pico_usd = _other("Speech, USD per million characters", 10**6)
    audio_hour_pico_usd = _other("Transcription, USD per hour of sound", 1)

    class Meta:
        model = ModelPrice
        fields = (
            *("provider", "model", "organization", "effective_from", "effective_until"),
            *RATE_COLUMNS.values(),
            "note",
        )
        help_texts: ClassVar = {
            "provider": "openai or anthropic.",
            "model": "As answers name it, or an alias of that: a price under a name without a date also holds for the "
            "dated names of the model, unless those have a price of their own.",
            "organization": "Empty: for everybody.",
            "effective_until": "Exclusive. Empty: until further notice.",
        }

    # As it will be saved, so that the form finds a price that is there already.
    def clean_provider(self) -> str:
        return str(self.cleaned_data["provider"]).strip().lower()

    def clean_model(self) -> str:
        return str(self.cleaned_data["model"]).strip().lower()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        price_book.check_price(ModelPrice(**cleaned))
        return cleaned


class PercentField(forms.DecimalField):
    """Percent on the page, basis points inside."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=100, max_digits=5, decimal_places=2, **options)

    def prepare_value(self, value: Any) -> Any:
        return format((Decimal(value) / 100).normalize(), "f") if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        percent = super().clean(value)
        return None if percent is None else int(percent * 100)


class DiscountForm(PlainWords, forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable while running
    provider = forms.ChoiceField(
        choices=[("", "All providers"), *((provider, provider) for provider in PROVIDERS)],
        required=False,
        help_text="A discount at one provider goes before one at all of them: they are not added up.",
    )
    basis_points = PercentField(
        label="Discount, percent",
        help_text="Taken off what a request costs by its prices, whoever's they are, searches included. "
        "12.5 makes $0.875 of $1.00.",
    )

    class Meta:
        model = Discount
        fields = ("organization", "provider", "basis_points", "effective_from", "effective_until", "note")
        help_texts: ClassVar = {"effective_until": "Exclusive. Empty: until further notice."}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        needed = ("organization", "effective_from")
        if not self.errors and all(cleaned.get(name) for name in needed):
            price_book.check_discount(Discount(pk=self.instance.pk, **cleaned))
        return cleaned


class PriceFileForm(PlainWords, forms.Form):
    """A file of prices, or the text of one that was looked at."""

    file = forms.FileField(required=False, label="CSV file", error_messages={"empty": "The file is empty."})
    text = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file = cleaned.get("file")
        if file is None and not cleaned.get("text"):
            raise ValidationError({"file": "Choose a file."})
        if file is not None:
            if file.size > MOST_BYTES:
                raise ValidationError({"file": f"At most {MOST_BYTES // 1000:,} kB. Split the file."})
            try:
                cleaned["text"] = file.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                raise ValidationError({"file": "The file is not in UTF-8. Save it as CSV UTF-8."}) from None
            if "\0" in cleaned["text"]:
                raise ValidationError({"file": "This is no text file. Save it as CSV UTF-8."})
        return cleaned
