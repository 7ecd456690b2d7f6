"""What the endpoints of the REST API ask of every request: whose numbers, in which form, and no parameter unheeded."""

import re
from collections.abc import Collection

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from rest_framework.exceptions import NotAcceptable
from rest_framework.request import Request

from analytics.api_errors import BadParameter, OrganizationNotFound, OrganizationSuspended
from orgs import access
from orgs.key_cache import KeyFacts
from orgs.models import Organization
from proxy.providers import PROVIDERS

READING = ["GET", "HEAD"]  # and OPTIONS, which REST framework answers
PRIVATE = {"Cache-Control": "private, no-store"}
_MEDIA_TYPES = {"json": "application/json", "csv": "text/csv"}
FORMATS = tuple(_MEDIA_TYPES)
_SLUG = re.compile(r"[-a-zA-Z0-9_]+")


def check_parameters(request: Request, allowed: Collection[str]) -> None:
    """Raises `BadParameter` for one that the endpoint does not know, or that is given twice."""
    for name, values in request.query_params.lists():
        if name not in allowed:
            message = f"There is no parameter of this name. There are: {', '.join(allowed)}."
            raise BadParameter(name, message, "unknown_parameter")
        if len(values) > 1:
            raise BadParameter(name, "The parameter is given more than once.", "repeated_parameter")


def read_provider(request: Request) -> str:
    """ "" for all. Raises `BadParameter`."""
    provider = request.query_params.get("provider")
    if provider is not None and provider not in PROVIDERS:
        message = f"There is no such provider. There are: {', '.join(PROVIDERS)}. Leave it out for all."
        raise BadParameter("provider", message)
    return provider or ""


def read_choice(request: Request, name: str, known: Collection[str]) -> str:
    """ "" when left out. Raises `BadParameter`."""
    value = request.query_params.get(name)
    if value is not None and value not in known:
        raise BadParameter(name, f"It is one of: {', '.join(known)}.")
    return value or ""


def read_flag(request: Request, name: str) -> bool:
    return read_choice(request, name, ("true", "false")) == "true"


def read_limit(request: Request, highest: int) -> int | None:
    """None when left out. Raises `BadParameter`."""
    text = request.query_params.get("limit")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= highest):
        raise BadParameter("limit", f"It is a whole number from 1 to {highest}.")
    return int(text)


def wants_csv(request: Request) -> bool:
    """By `format`, else by what the caller accepts, JSON first. Raises `BadParameter`, and `NotAcceptable` (406)."""
    return (read_choice(request, "format", FORMATS) or _read_accepted(request, FORMATS)) == "csv"


def check_csv_is_wanted(request: Request) -> None:
    """Where there is nothing else. Raises `BadParameter`, and `NotAcceptable` (406)."""
    if not read_choice(request, "format", ("csv",)):
        _read_accepted(request, ("csv",))


def _read_accepted(request: Request, known: tuple[str, ...]) -> str:
    types = {_MEDIA_TYPES[name]: name for name in known}
    if not request.headers.get("Accept", "").strip():
        return known[0]
    preferred = request._request.get_preferred_type(list(types))
    if preferred is None:
        raise NotAcceptable(f"This is answered as {' or '.join(types)}: accept that, or say format={known[-1]}.")
    return types[preferred]


def refuse_pages(request: Request) -> None:
    """A file is whole. Raises `BadParameter`."""
    for name in ("limit", "cursor"):
        if name in request.query_params:
            raise BadParameter(name, "A CSV file holds everything: leave the parameter out, or ask for JSON.")


def get_organization(request: Request) -> Organization:
    """The key's, else the one that is named, else the only one of whoever is signed in. Raises an APIException."""
    slug = request.query_params.get("organization")
    if slug == "":
        raise BadParameter("organization", "The parameter is empty. Leave it out, or give the organization's slug.")
    if isinstance(request.auth, KeyFacts):
        organization = Organization.objects.get(pk=request.auth.organization_id)
        if slug not in {None, organization.slug}:
            raise OrganizationNotFound
    elif slug is None:
        organization = _get_only_organization(request.user)
    else:
        organization = _get_named_organization(request.user, slug)
    if not organization.accepts_keys:
        raise OrganizationSuspended
    return organization


def _get_only_organization(user: AbstractBaseUser | AnonymousUser) -> Organization:
    organizations = access.organizations_of(user)[:2]
    if len(organizations) > 1:
        message = "You are a member of several organizations. Give the slug of one."
        raise BadParameter("organization", message, "missing_parameter")
    if not organizations:
        raise OrganizationNotFound("You are not a member of any organization.")
    return organizations[0]


def _get_named_organization(user: AbstractBaseUser | AnonymousUser, slug: str) -> Organization:
    if not _SLUG.fullmatch(slug):
        raise OrganizationNotFound
    try:
        return access.get_access(user, slug).organization
    except access.NoAccess:
        raise OrganizationNotFound from None
