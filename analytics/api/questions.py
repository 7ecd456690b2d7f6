"""What the endpoints of the REST API ask of every request: whose numbers, and no parameter that would go unheeded."""

import re
from collections.abc import Collection

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from rest_framework.request import Request

from analytics.api_errors import BadParameter, OrganizationNotFound, OrganizationSuspended
from orgs import access
from orgs.key_cache import KeyFacts
from orgs.models import Organization
from proxy.providers import PROVIDERS

READING = ["GET", "HEAD"]  # and OPTIONS, which REST framework answers
PRIVATE = {"Cache-Control": "private, no-store"}
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
