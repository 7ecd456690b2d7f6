"""What people type about organizations. Forms check the shape; the services decide."""

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms

from orgs.models import Organization


@cache
def timezone_choices() -> list[tuple[str, str]]:
    """The IANA names that name a place, and UTC; the old aliases without a region are left out."""
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class TimezoneField(forms.ChoiceField):
    """With `data-timezone`, static/js/timezone.js proposes the browser's zone while nothing else was chosen."""

    def __init__(self, *, proposes: bool = False, **options: Any) -> None:
        widget = forms.Select(attrs={"data-timezone": True} if proposes else {})
        super().__init__(choices=timezone_choices, widget=widget, **options)


class OrganizationForm(forms.Form):
    name = forms.CharField(
        label="Organization name",
        max_length=Organization._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )
    timezone = TimezoneField(
        label="Time zone", initial="UTC", proposes=True, help_text="Spend is counted in days of this zone."
    )
