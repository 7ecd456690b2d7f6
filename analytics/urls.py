from django.urls import path, re_path

from analytics import api
from analytics.views import dashboard

urlpatterns = [
    path("app/<slug:slug>/", dashboard.show, name="dashboard"),
    # The API with or without a trailing slash: many callers do not follow redirects.
    re_path(r"^api/aggregations/monthly/?\Z", api.monthly, name="aggregations-monthly"),
    re_path(r"^api/aggregations/by-prompt/?\Z", api.by_prompt, name="aggregations-by-prompt"),
    re_path(r"^api/aggregations/by-team/?\Z", api.by_team, name="aggregations-by-team"),
    re_path(
        r"^api/aggregations/version-comparison/?\Z", api.version_comparison, name="aggregations-version-comparison"
    ),
    re_path(r"^api/aggregations(?:/[\s\S]*)?\Z", api.no_such_aggregation),
]
