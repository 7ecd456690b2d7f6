from django.urls import path

from orgs.views import entry

urlpatterns = [
    path("app/", entry.enter, name="app"),
    path("app/new/", entry.create_organization, name="organization-new"),
]
