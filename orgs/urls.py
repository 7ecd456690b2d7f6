from django.urls import path

from orgs.views import audit, deletion, entry, invitations, keys, members, settings, teams

urlpatterns = [
    path("app/", entry.enter, name="app"),
    path("app/new/", entry.create_organization, name="organization-new"),
    path("invitations/<str:token>/", invitations.follow, name="invitation-link"),
    path("invitation/", invitations.answer, name="invitation"),
    path("app/<slug:slug>/organization/", members.show, name="organization"),
    path("app/<slug:slug>/organization/leave/", members.leave, name="leave"),
    path("app/<slug:slug>/organization/members/<int:membership_id>/role/", members.change_role, name="member-role"),
    path("app/<slug:slug>/organization/members/<int:membership_id>/remove/", members.remove, name="member-remove"),
    path("app/<slug:slug>/organization/invite/", invitations.invite, name="invite"),
    path(
        "app/<slug:slug>/organization/invitations/<int:invitation_id>/resend/",
        invitations.send_again,
        name="invitation-resend",
    ),
    path(
        "app/<slug:slug>/organization/invitations/<int:invitation_id>/revoke/",
        invitations.revoke,
        name="invitation-revoke",
    ),
    path("app/<slug:slug>/audit/", audit.show, name="audit"),
    path("app/<slug:slug>/settings/", settings.show, name="organization-settings"),
    path("app/<slug:slug>/settings/name/", settings.rename, name="organization-rename"),
    path("app/<slug:slug>/settings/budget/", settings.change_budget, name="organization-budget"),
    path("app/<slug:slug>/settings/timezone/", settings.change_timezone, name="organization-timezone"),
    path("app/<slug:slug>/keys/", keys.show_list, name="keys"),
    path("app/<slug:slug>/keys/new/", keys.create, name="key-new"),
    path("app/<slug:slug>/keys/<int:key_id>/revoke/", keys.revoke, name="key-revoke"),
    path("app/<slug:slug>/teams/", teams.show_list, name="teams"),
    path("app/<slug:slug>/teams/new/", teams.create, name="team-new"),
    path("app/<slug:slug>/teams/<int:team_id>/", teams.show, name="team"),
    path("app/<slug:slug>/teams/<int:team_id>/rename/", teams.rename, name="team-rename"),
    path("app/<slug:slug>/teams/<int:team_id>/archive/", teams.archive, name="team-archive"),
    path("app/<slug:slug>/settings/delete/", deletion.delete, name="organization-delete"),
    path("app/<slug:slug>/settings/delete/undo/", deletion.undo, name="organization-undo-deletion"),
]
