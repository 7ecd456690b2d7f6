"""What forms say when something is missing or cannot be read: our words for Django's, in one place.

A form takes them by `PlainWords`. What a field says in words of its own stands.
"""

from django import forms


class PlainWords(forms.BaseForm):
    """Names what to enter: "Enter the team name." for "This field is required."."""

    def full_clean(self) -> None:
        for name, field in self.fields.items():
            _speak(field, _called(field.label or name.replace("_", " ")))
        super().full_clean()


def _speak(field: forms.Field, called: str) -> None:
    stock: dict[str, object] = {}
    for kind in reversed(type(field).__mro__):
        stock |= getattr(kind, "default_error_messages", {})
    for code, words in _words(field, called).items():
        if field.error_messages.get(code) == stock.get(code):
            field.error_messages[code] = words


def _words(field: forms.Field, called: str) -> dict[str, str]:
    """By the codes of Django's fields and validators."""
    if isinstance(field, forms.ChoiceField):  # with those that choose a record
        return {"required": f"Choose {called}.", "invalid_choice": f"Choose {called} from the list."}
    words = {
        "required": f"Enter {called}.",
        "max_length": "At most %(limit_value)d characters fit, and these are %(show_value)d.",
        "null_characters_not_allowed": "There is a character in it that cannot be kept. Type it by hand.",
    }
    if isinstance(field, forms.EmailField):
        words["invalid"] = "This is no e-mail address. They look like name@example.com."
    if isinstance(field, forms.IntegerField):  # and decimal ones
        words |= {
            "invalid": "This is no number.",
            "min_value": "The least is %(limit_value)s.",
            "max_value": "The most is %(limit_value)s.",
            "max_digits": "The number is too long.",
            "max_whole_digits": "The number is too large.",
            "max_decimal_places": "At most %(max)s digits fit behind the point.",
        }
    if isinstance(field, forms.DateTimeField):  # the admin's asks for both apart, and calls them invalid_date, ...
        words["invalid"] = words["invalid_date"] = words["invalid_time"] = (
            "This is no moment. They look like 2026-11-01 00:00."
        )
    return words


def _called(label: object) -> str:
    """The label within a sentence: "the team name", "your password", "the API key"."""
    words = str(label)
    if words[1:2].islower() or words[1:2] == "-":
        words = words[:1].lower() + words[1:]
    return words if words.startswith("your ") else f"the {words}"
