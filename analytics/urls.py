from django.urls import path, re_path

from analytics.api import aggregations
from analytics.api import requests as requests_api
from analytics.views import completeness, dashboard, exports, requests, versions

urlpatterns = [
    path("app/<slug:slug>/", dashboard.show, name="dashboard"),
    path("app/<slug:slug>/completeness/", completeness.show, name="completeness"),
    path("app/<slug:slug>/versions/", versions.compare, name="versions"),
    path("app/<slug:slug>/requests/", requests.show_log, name="requests"),
    path("app/<slug:slug>/requests/<uuid:call_id>/", requests.show_receipt, name="receipt"),
    path("app/<slug:slug>/export/<slug:table>.csv", exports.download, name="export"),
    # The API with or without a trailing slash: many callers do not follow redirects.
    re_path(r"^api/aggregations/monthly/?\Z", aggregations.monthly, name="aggregations-monthly"),
    re_path(r"^api/aggregations/by-prompt/?\Z", aggregations.by_prompt, name="aggregations-by-prompt"),
    re_path(r"^api/aggregations/by-team/?\Z", aggregations.by_team, name="aggregations-by-team"),
    re_path(r"^api/aggregations/by-key/?\Z", aggregations.by_key, name="aggregations-by-key"),
    re_path(r"^api/aggregations/by-tag/?\Z", aggregations.by_tag, name="aggregations-by-tag"),
    re_path(r"^api/aggregations/by-model/?\Z", aggregations.by_model, name="aggregations-by-model"),
    re_path(r"^api/aggregations/daily/?\Z", aggregations.daily, name="aggregations-daily"),
    re_path(
        r"^api/aggregations/version-comparison/?\Z",
        aggregations.version_comparison,
        name="aggregations-version-comparison",
    ),
    re_path(r"^api/aggregations(?:/[\s\S]*)?\Z", aggregations.no_such_aggregation),
    re_path(r"^api/requests/?\Z", requests_api.log, name="requests-log"),
    re_path(r"^api/requests/(?P<call_id>[^/]+)/?\Z", requests_api.one, name="requests-one"),
    re_path(r"^api/exports/(?P<table>[^/]+)/?\Z", requests_api.table, name="exports-table"),
]
