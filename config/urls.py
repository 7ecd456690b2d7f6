"""The URLs of Django's side. `/api/proxy/` and `/livez` are served before Django by `config/asgi.py`."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/proxy/", include("proxy.urls")),
    path("api/", include("analytics.urls")),
    path("", include("accounts.urls")),
]
