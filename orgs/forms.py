"""What people type about organizations. Forms check the shape; the services decide."""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Any, cast
from uuid import uuid4
from zoneinfo import available_timezones

from django import forms

from config.forms import PlainWords
from orgs import audit_words
from orgs.models import ApiKey, Membership, Organization, Team

# Commas between groups of three only: 2.500,50 would be read as something else than was meant. A minus is the service's
# to refuse, in its own words.
_DOLLARS = re.compile(r"-?\$?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]+)?")


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


class OrganizationForm(PlainWords, forms.Form):
    name = forms.CharField(
        label="Organization name",
        max_length=Organization._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )
    timezone = TimezoneField(
        label="Time zone", initial="UTC", proposes=True, help_text="Spend is counted in days of this zone."
    )


class TeamForm(PlainWords, forms.Form):
    name = forms.CharField(
        label="Team name",
        max_length=Team._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
        help_text="As your organization calls them: backend, mobile-app, data-science.",
    )


class KeyForm(PlainWords, forms.Form):
    """Asks for a team, or for the name of a first one where the organization has none.

    `form_id` is new with every form that is shown, so that one which is sent twice makes one key.
    """

    form_id = forms.UUIDField(
        initial=uuid4,
        widget=forms.HiddenInput(attrs={"autocomplete": "off"}),
        error_messages=dict.fromkeys(("required", "invalid"), "This form is incomplete. Please send it once more."),
    )
    team = forms.ModelChoiceField(
        Team.objects.none(), empty_label="Choose a team", help_text="Whatever the key spends counts as this team's."
    )
    new_team = forms.CharField(
        label="Team name",
        max_length=Team._meta.get_field("name").max_length,
        initial="Default",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Your first team. Whatever the key spends counts as this team's.",
    )
    description = forms.CharField(
        required=False,
        max_length=ApiKey._meta.get_field("description").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="What will use it, like “checkout, production”. The key goes by this name everywhere.",
    )

    def __init__(self, *arguments: Any, organization: Organization, **options: Any) -> None:
        super().__init__(*arguments, **options)
        teams = Team.objects.of(organization).current()
        choice = self.fields["team"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = teams
        if teams:
            del self.fields["new_team"]
            if len(teams) == 1:
                choice.initial = teams[0]
        else:
            del self.fields["team"]


class InviteForm(PlainWords, forms.Form):
    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "placeholder": "colleague@example.com"}),
    )
    role = forms.ChoiceField(label="Role", choices=Membership.Role, initial=Membership.Role.MEMBER)


class RoleForm(PlainWords, forms.Form):
    role = forms.ChoiceField(choices=Membership.Role)


class RenameForm(PlainWords, forms.Form):
    name = forms.CharField(
        label="Organization name",
        max_length=Organization._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class TimezoneForm(PlainWords, forms.Form):
    timezone = TimezoneField(
        label="Time zone",
        help_text="Spend is counted in days of this zone. A change sorts all past requests into days again.",
    )


class BudgetForm(PlainWords, forms.Form):
    """`amount` is Decimal dollars, or None. Only the shape is checked here; `budgets` has the limits."""

    amount = forms.CharField(
        label="Monthly budget in US dollars",
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "placeholder": "2500.00"}),
        help_text="For the whole organization. Leave it empty to have none.",
    )

    def clean_amount(self) -> Decimal | None:
        text = self.cleaned_data["amount"].strip()
        if not text:
            return None
        if not _DOLLARS.fullmatch(text):
            raise forms.ValidationError(
                "Write an amount in dollars with a point before the cents, like 2500 or 2,500.50."
            )
        return Decimal(text.replace("$", "").replace(",", ""))


class AuditFilterForm(PlainWords, forms.Form):
    """Everything may be left out; what is not understood is."""

    subject = forms.ChoiceField(
        label="What", required=False, choices=[("", "Everything"), *audit_words.SUBJECTS.items()]
    )
    person = forms.ChoiceField(label="Who", required=False)
    text = forms.CharField(label="Name contains", required=False, max_length=100, widget=forms.SearchInput())

    def __init__(self, *arguments: Any, people: Iterable[tuple[int, str]], **options: Any) -> None:
        super().__init__(*arguments, **options)
        choices = [("", "Everybody"), *((str(number), name) for number, name in people), ("0", "The service itself")]
        cast(forms.ChoiceField, self.fields["person"]).choices = choices

    def wanted(self) -> dict[str, str]:
        """The text of each field, empty where nothing, or nothing sensible, was chosen."""
        self.is_valid()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}
