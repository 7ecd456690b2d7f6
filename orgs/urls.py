from django.urls import path

from orgs.views import deletion, entry

urlpatterns = [
    path("app/", entry.enter, name="app"),
    path("app/new/", entry.create_organization, name="organization-new"),
    path("app/<slug:slug>/settings/delete/", deletion.delete, name="organization-delete"),
    path("app/<slug:slug>/settings/delete/undo/", deletion.undo, name="organization-undo-deletion"),
]
