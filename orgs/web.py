"""What every signed-in page stands on: the decorator that opens an organization's page, and the frame's context.

A view behind `organization_page` finds who asks and what for in `request.access`; it never looks up an organization.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, Literal, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.utils.functional import SimpleLazyObject
from django_htmx.middleware import HtmxDetails

from orgs import access
from orgs.models import Membership, Organization

# The session remembers where its owner was last, so that `/app/` leads back there.
LAST_ORGANIZATION = "organization"
_LOOK = "look"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class OrganizationRequest(HttpRequest):
    """A request from a member. `user` is a real account, never a visitor."""

    access: access.Access
    htmx: HtmxDetails
    user: AbstractBaseUser  # type: ignore[assignment]  # narrower than Django's "account or visitor"


def organization_page(
    role: Literal["owner", "owner or staff"] | None = None, *, writes: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For the views under `/app/<slug>/`, which are called without the slug: `view(request, **the other arguments)`.

    A visitor is sent to sign in, an outsider gets 404, a member who is no owner gets 403 where `role` is "owner"; staff
    who look at the organization do too, but where it is "owner or staff".
    `writes` says that the page changes something: it is refused, in words, while the organization is suspended, and to
    staff who only look, who can send no form at all.
    Answers are private to the reader. Plain and async views alike.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(view):
            asynchronous = cast("Callable[..., Awaitable[HttpResponseBase]]", view)

            @wraps(view)
            async def page_later(request: HttpRequest, slug: str, **arguments: Any) -> HttpResponseBase:
                refusal = await sync_to_async(_open)(request, slug, role, writes)
                return _private(refusal or await asynchronous(request, **arguments))

            return page_later

        @wraps(view)
        def page(request: HttpRequest, slug: str, **arguments: Any) -> HttpResponseBase:
            return _private(_open(request, slug, role, writes) or view(request, **arguments))

        return page

    return decorate


def _open(request: HttpRequest, slug: str, role: str | None, writes: bool) -> HttpResponse | None:
    """Put the access on the request. Returns the answer where the view is not to be called, else None."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    look = find_look(request)
    if look is not None and look.slug == slug and look.is_over():
        end_look(request)
        messages.warning(request, f"Your hour of looking at {look.name} is over.")
        return redirect("admin:orgs_organization_change", look.organization_id)
    found = access.get_access(request.user, slug, look=look)
    if role is not None and not (found.is_owner or (role == "owner or staff" and found.look is not None)):
        raise PermissionDenied
    cast(OrganizationRequest, request).access = found
    if found.look is not None:
        is_refused = writes or request.method not in _SAFE_METHODS
        return render(request, "orgs/looking.html", status=403) if is_refused else None
    if request.session.get(LAST_ORGANIZATION) != slug:
        request.session[LAST_ORGANIZATION] = slug
    if writes and not found.organization.is_active:
        return render(request, "orgs/suspended.html", status=403)
    return None


def begin_look(request: HttpRequest, look: access.Look) -> None:
    request.session[_LOOK] = [look.organization_id, look.slug, look.name, look.until.isoformat()]


def end_look(request: HttpRequest) -> None:
    request.session.pop(_LOOK, None)


def find_look(request: HttpRequest) -> access.Look | None:
    """What this session looks at as staff, over or not."""
    kept = request.session.get(_LOOK)
    if not kept:
        return None
    organization_id, slug, name, until = kept
    return access.Look(organization_id, slug, name, datetime.fromisoformat(until))


def _private(response: HttpResponseBase) -> HttpResponseBase:
    if not response.has_header("Cache-Control"):
        patch_cache_control(response, private=True, no_store=True)
    return response


def _last_organization(request: HttpRequest, memberships: Iterable[Membership]) -> Organization | None:
    organizations = [membership.organization for membership in memberships]
    last = request.session.get(LAST_ORGANIZATION)
    return next((one for one in organizations if one.slug == last), organizations[0] if organizations else None)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: what the frame of every page shows. `memberships` costs its query only where it is used.

    `here` is the organization that the sidebar shows: the page's own, else the one this session saw last.
    """
    memberships = SimpleLazyObject(lambda: list(access.memberships_of(request.user)))
    opened: access.Access | None = getattr(request, "access", None)
    return {
        "access": opened,
        "memberships": memberships,
        "look": SimpleLazyObject(lambda: find_look(request)),
        "here": opened.organization if opened else SimpleLazyObject(lambda: _last_organization(request, memberships)),
        "public_url": settings.PUBLIC_URL,
        "terms_url": settings.TERMS_URL,
        "privacy_url": settings.PRIVACY_URL,
        "support_email": settings.SUPPORT_EMAIL,
        "is_signup_open": settings.SIGNUP_OPEN,
    }
