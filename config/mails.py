"""Mails: one text template says it, the HTML part is made of it, and every link leads to PUBLIC_URL.

A mail `emails/x` has the templates `emails/x_subject.txt` and `emails/x_message.txt`; the second extends
`emails/base.txt`. Blank lines separate its paragraphs. A line of words and a link below it become a button.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)

_LINK = re.compile(r"https?://\S+")


def absolute(path: str) -> str:
    """The public address of a path, whatever host a request came by."""
    return f"{settings.PUBLIC_URL}{path}"


def render(template: str, *, to: str, context: Mapping[str, Any]) -> EmailMultiAlternatives:
    # Line breaks of a value could make a paragraph, and a link, of somebody else's words.
    given = {name: " ".join(value.split()) if isinstance(value, str) else value for name, value in context.items()}
    known = {"public_url": settings.PUBLIC_URL, "email": to, **given}
    subject = " ".join(render_to_string(f"{template}_subject.txt", known).split())
    text = re.sub(r"\n{3,}", "\n\n", render_to_string(f"{template}_message.txt", known)).strip()
    message = EmailMultiAlternatives(subject, text + "\n", settings.DEFAULT_FROM_EMAIL, [to])
    page = render_to_string("emails/layout.html", {"subject": subject, "paragraphs": _paragraphs(text), **known})
    message.attach_alternative(page, "text/html")
    return message


def send(template: str, *, to: str, context: Mapping[str, Any]) -> bool:
    """Whether the mail server took it. A server that is away is logged, and breaks nothing that was done before."""
    message = render(template, to=to, context=context)
    try:
        message.send()
    except OSError:  # all that smtplib raises, too
        logger.exception("The mail %s could not be sent.", template)
        return False
    return True


def _paragraphs(text: str) -> list[dict[str, str | list[str]]]:
    """Each with the one of `link` (with its `label`), `points` and `text` that it is."""
    found: list[dict[str, str | list[str]]] = []
    for part in text.split("\n\n"):
        lines = part.strip().splitlines()
        if len(lines) == 2 and _LINK.fullmatch(lines[1]):
            found.append({"label": lines[0].rstrip(":"), "link": lines[1]})
        elif all(line.startswith("- ") for line in lines):
            found.append({"points": [line.removeprefix("- ") for line in lines]})
        else:
            found.append({"text": "\n".join(lines)})
    return found
