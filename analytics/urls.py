from django.urls import path, re_path

from analytics.api import aggregations
from analytics.views import dashboard

urlpatterns = [
    path("app/<slug:slug>/", dashboard.show, name="dashboard"),
    # The API with or without a trailing slash: many callers do not follow redirects.
    re_path(r"^api/aggregations/monthly/?\Z", aggregations.monthly, name="aggregations-monthly"),
    re_path(r"^api/aggregations/by-prompt/?\Z", aggregations.by_prompt, name="aggregations-by-prompt"),
    re_path(r"^api/aggregations/by-team/?\Z", aggregations.by_team, name="aggregations-by-team"),
    re_path(
        r"^api/aggregations/version-comparison/?\Z",
        aggregations.version_comparison,
        name="aggregations-version-comparison",
    ),
    re_path(r"^api/aggregations(?:/[\s\S]*)?\Z", aggregations.no_such_aggregation),
]
