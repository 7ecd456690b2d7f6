"""Errors of the REST API: {"error": {"code", "parameter", "message"}} whatever went wrong.

APIException (rest_framework)
  BadParameter          400 missing_parameter, invalid_parameter, repeated_parameter, unknown_parameter, expired_cursor
  OrganizationNotFound  404 organization_not_found: unknown, or none of the caller's business
  OrganizationSuspended 403 organization_suspended
  Unavailable           503 unavailable: try again
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.exceptions import ErrorDetail
from rest_framework.response import Response
from rest_framework.views import set_rollback

from config.outages import is_outage


class BadParameter(exceptions.APIException):
    status_code = 400

    def __init__(self, parameter: str, message: str, code: str = "invalid_parameter") -> None:
        super().__init__(message, code)
        self.parameter = parameter


class OrganizationNotFound(exceptions.NotFound):
    default_code = "organization_not_found"
    default_detail = "There is no such organization, or you are not a member of it."
    parameter = "organization"


class OrganizationSuspended(exceptions.PermissionDenied):
    default_code = "organization_suspended"
    default_detail = "This organization is suspended."


class Unavailable(exceptions.APIException):
    status_code = 503
    default_code = "unavailable"
    default_detail = "The usage data cannot be read at the moment. Try again in a few seconds."
    wait = 5


def answer_error(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """REST framework's exception handler. None for what nobody foresaw, which stays a 500."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif is_outage(error):
        error = Unavailable()
    elif isinstance(error, exceptions.Throttled):
        wait = getattr(error, "wait", None)
        message = f"You asked {settings.API_REQUESTS_PER_MINUTE} times within a minute. Ask again in {wait} seconds."
        error.detail = ErrorDetail(message, error.default_code)
    elif isinstance(error, exceptions.NotAuthenticated):
        error.detail = ErrorDetail(
            "Send a platform API key (Authorization: Bearer apc_...), or sign in.", error.default_code
        )
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    return Response(body_of(error), status=error.status_code, headers=_headers_of(error))


def body_of(error: exceptions.APIException) -> dict[str, Any]:
    code = error.get_codes()
    return {
        "error": {
            "code": code if isinstance(code, str) else error.default_code,
            "parameter": getattr(error, "parameter", None),
            "message": str(error.detail),
        }
    }


def _headers_of(error: exceptions.APIException) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(wait)
    return headers
