"""CSV files of the tables and of the request log, for people: linked from the pages, with the pages' own filters."""

from collections.abc import Collection

from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics import exports, filters, periods
from analytics.filters import BadFilter
from analytics.request_log import FLAGS, STATUSES, Question
from orgs.web import OrganizationRequest, organization_page


@require_safe
@organization_page()
def download(request: OrganizationRequest, table: str) -> HttpResponseBase:
    """A filter that cannot be used makes no file: the figures would be other ones than those asked for."""
    organization = request.access.organization
    if table != exports.LOG and table not in exports.TABLES:
        raise Http404
    today = periods.local_day(timezone.now(), organization.tz)
    try:
        wanted = filters.parse(request.GET, today=today)
        status, flag = (_read(request, name, known) for name, known in (("status", STATUSES), ("flag", FLAGS)))
    except BadFilter as error:
        return HttpResponse(f"There is no file: {error}\n", status=400, content_type="text/plain; charset=utf-8")
    scope = wanted.scope(organization.pk)
    if table == exports.LOG:
        file = exports.LogFile(Question(scope, organization.tz, status, flag))
        first = exports.BYTE_ORDER_MARK + file.read()
        response: HttpResponseBase = StreamingHttpResponse(exports.stream(first, file), content_type=exports.MEDIA_TYPE)
    else:
        content = exports.BYTE_ORDER_MARK + exports.table_file(table, scope)
        response = HttpResponse(content, content_type=exports.MEDIA_TYPE)
    name = exports.file_name(organization.slug, table, wanted.period)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _read(request: OrganizationRequest, name: str, known: Collection[str]) -> str:
    value = request.GET.get(name, "")
    if value and value not in known:
        raise BadFilter(name, f"It is one of {', '.join(known)}.")
    return value
