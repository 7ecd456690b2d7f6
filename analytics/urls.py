from django.urls import re_path

from analytics import api

# With or without a trailing slash: many callers do not follow redirects.
urlpatterns = [
    re_path(r"^aggregations/monthly/?\Z", api.monthly, name="aggregations-monthly"),
    re_path(r"^aggregations/by-prompt/?\Z", api.by_prompt, name="aggregations-by-prompt"),
    re_path(r"^aggregations/by-team/?\Z", api.by_team, name="aggregations-by-team"),
    re_path(r"^aggregations/version-comparison/?\Z", api.version_comparison, name="aggregations-version-comparison"),
    re_path(r"^aggregations(?:/[\s\S]*)?\Z", api.no_such_aggregation),
]
