"""No form of ours says what is wrong in Django's or allauth's stock sentences: they name what to enter instead."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import services
from accounts.forms import TypedForm
from config.forms import PlainWords
from orgs.forms import InviteForm
from tests.accounts.pages import prove_again, sign_in, text_of
from tests.factories import PASSWORD, make_user

APPS = ("accounts", "proxy", "prompts", "analytics", "orgs")
STOCK = re.compile(r"This field|This value|Select a valid|Ensure (this|that)|Enter a (valid|whole)|Null char")
NONSENSE = ("", "   ", "x" * 5000, "-1")


def all_patterns() -> list[URLPattern]:
    """Of all addresses. Reading them imports all views, and so all forms."""

    def walk(found: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
        for pattern in found:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns)
            else:
                yield pattern

    return list(walk(get_resolver().url_patterns))


def our_forms() -> list[type[forms.Form]]:
    """Staff's admin pages keep Django's words."""

    def below(form: type[Any]) -> Iterator[type[Any]]:
        for child in form.__subclasses__():
            yield child
            yield from below(child)

    all_patterns()
    found = {form for form in below(forms.BaseForm) if form.__module__.partition(".")[0] in APPS}
    ours = [form for form in found if hasattr(form, "base_fields") and not form.__module__.endswith(".admin")]
    return sorted(ours, key=lambda form: form.__qualname__)


def forms_of_allauths_pages() -> list[type[forms.BaseForm]]:
    views = [pattern.callback.view_class for pattern in all_patterns() if hasattr(pattern.callback, "view_class")]
    found = [view().get_form_class() for view in views if hasattr(view, "get_form_class") and is_shown(view)]
    return [form for form in found if form.base_fields]


def is_shown(view: type) -> bool:
    """Signing in by a mailed code is off."""
    return view.__module__.startswith("allauth.") and view.__name__ != "ConfirmLoginCodeView"


class Probe(PlainWords, forms.Form):
    pass


@pytest.mark.parametrize("form", our_forms(), ids=lambda form: form.__name__)
def test_what_is_wrong_with_a_form_is_said_in_our_words(db: None, form: type[forms.Form]) -> None:
    assert PlainWords in form.__mro__
    for nonsense in NONSENSE:
        probe = Probe(dict.fromkeys(form.base_fields, nonsense))
        probe.fields = deepcopy(form.base_fields)
        said = [words for errors in probe.errors.values() for words in errors]
        assert not [words for words in said if STOCK.search(str(words))]


def test_the_forms_of_allauths_pages_are_ours() -> None:
    found = forms_of_allauths_pages()

    assert len(found) > 10
    assert [form for form in found if not issubclass(form, PlainWords)] == []


def test_the_missing_thing_is_named() -> None:
    assert InviteForm({"role": "king"}).errors == {
        "email": ["Enter the e-mail address."],
        "role": ["Choose the role from the list."],
    }
    said = InviteForm({"email": "ada\0@example.com", "role": "owner"}).errors["email"]
    assert "There is a character in it that cannot be kept. Type it by hand." in said
    typed = TypedForm({"typed": ""}, expected="Acme", label="Type “Acme”")
    assert typed.errors == {"typed": ["Type “Acme” to go on."]}


def test_the_examination_knows_a_stock_sentence_when_it_sees_one() -> None:
    class Stock(forms.Form):
        name = forms.CharField()
        email = forms.EmailField(required=False)
        note = forms.CharField(required=False)
        colour = forms.ChoiceField(choices=[("red", "Red")], required=False)

    said = Stock({"email": "nobody", "colour": "blue", "note": "\0"}).errors.values()

    assert [bool(STOCK.search(str(errors[0]))) for errors in said] == [True] * 4


@pytest.mark.parametrize(
    ("password", "advice"),
    [
        ("kX9#", "Use at least 8 characters."),
        ("password1", "Take several words"),
        ("8462019375", "Add letters."),
        ("ada.lovelace", "nothing to do with you"),
    ],
)
def test_a_weak_password_is_refused_with_advice(db: None, password: str, advice: str) -> None:
    with pytest.raises(ValidationError, match=advice):
        validate_password(password, make_user("ada.lovelace@example.com"))


def test_passwords_that_differ_and_wrong_codes_are_told_in_our_words(client: Client, db: None) -> None:
    user = make_user()
    services.mark_verified(user=user)
    sign_in(client, user)
    prove_again(client)

    fields = {"oldpassword": PASSWORD, "password1": "one good password", "password2": "another good password"}
    assert "Type the same one twice." in text_of(client.post("/accounts/password/change/", fields))
    client.get("/accounts/2fa/totp/activate/")
    assert "This code does not fit." in text_of(client.post("/accounts/2fa/totp/activate/", {"code": "123456"}))
    assert "Enter the code." in text_of(client.post("/accounts/2fa/totp/activate/", {}))
