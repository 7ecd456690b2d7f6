"""The URLs of Django's side; each app's `urls` names its paths in full.

`/api/proxy/`, `/livez` and `/readyz` are served before Django by `config/asgi.py`.
"""

from django.contrib import admin
from django.urls import include, path

handler500 = "accounts.views.errors.server_error"
urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/proxy/", include("proxy.urls")),
    path("", include("accounts.urls")),
    # Before the dashboard's `/app/<slug>/`: `/app/new/` is no organization.
    path("", include("orgs.urls")),
    path("", include("prompts.urls")),
    path("", include("analytics.urls")),
]
