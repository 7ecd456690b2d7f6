"""The short addresses of signing in and out. The pages behind them are allauth's."""

from allauth.account.views import logout as allauth_logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe


@require_safe
def sign_in(request: HttpRequest) -> HttpResponse:
    return _with_query(request, "account_login")


@require_safe
def sign_up(request: HttpRequest) -> HttpResponse:
    return _with_query(request, "account_signup")


@require_http_methods(["GET", "HEAD", "POST"])
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """A form may post here; a link leads to the page that asks."""
    if request.method == "POST":
        answer: HttpResponseBase = allauth_logout(request)
        return answer
    return redirect("account_logout")


def _with_query(request: HttpRequest, name: str) -> HttpResponse:
    query = request.META.get("QUERY_STRING", "")
    return redirect(reverse(name) + (f"?{query}" if query else ""))
