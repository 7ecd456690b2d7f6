"""Who belongs to organizations, and who is invited."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from config.admin.acts import Refused, act_on_each, confirmed
from orgs.admin.base import ReadOnlyAdmin, RecordAdmin, staff
from orgs.models import Invitation, Membership
from orgs.services import invitations, members
from orgs.services.invitations import InvitationClosed
from orgs.services.members import NoLongerMember


@admin.register(Membership)
class MembershipAdmin(RecordAdmin):
    list_display = ("user", "organization", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__name", "organization__slug")
    autocomplete_fields = ("organization", "user")
    fields_chosen_once = ("organization", "user")
    actions = ("remove",)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if not change:
            made = members.add(organization=obj.organization, user=obj.user, role=obj.role, by=staff(request))
            obj.pk = made.pk
            return
        try:
            members.change_role(membership=obj, role=obj.role, by=staff(request))
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)

    @admin.action(description="Remove from the organization", permissions=["end"])
    @confirmed(
        what_happens="They lose access with the next request. The API keys that they made keep working.",
        button="Remove from the organization",
    )
    def remove(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        def remove(membership: Membership) -> None:
            try:
                members.remove(membership=membership, by=staff(request))
            except NoLongerMember:
                raise Refused("is no member any more.") from None

        act_on_each(self, request, queryset, remove, done="Removed")


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return Invitation.State.choices

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Invitation]") -> "QuerySet[Invitation]":
        value = self.value()
        return queryset.filter(_in_state(value, timezone.now())) if value in Invitation.State.values else queryset


def _in_state(state: str, now: datetime) -> Q:
    """As `Invitation.state_at` has it."""
    accepted, revoked = ~Q(accepted_at=None), ~Q(revoked_at=None) | ~Q(organization__deleted_at=None)
    if state == Invitation.State.ACCEPTED:
        return accepted
    if state == Invitation.State.REVOKED:
        return ~accepted & revoked
    is_over = Q(expires_at__lte=now)
    return ~accepted & ~revoked & (is_over if state == Invitation.State.EXPIRED else ~is_over)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Its link is shown to nobody here: whoever has it could come in."""

    list_display = ("email", "organization", "role", "state", "invited_by", "created_at", "expires_at")
    list_filter = (StateFilter, "role")
    list_select_related = ("organization", "invited_by")
    search_fields = ("email", "organization__name", "organization__slug")
    exclude = ("nonce",)
    actions = ("withdraw", "send_again")

    def is_done(self, act: str, record: Invitation) -> bool:
        return record.state in {Invitation.State.ACCEPTED, Invitation.State.REVOKED}

    @admin.action(description="Withdraw", permissions=["end"])
    @confirmed(what_happens="Their links stop working at once.", button="Withdraw the invitations")
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        def withdraw(invitation: Invitation) -> None:
            try:
                invitations.revoke(invitation=invitation, by=staff(request))
            except InvitationClosed as closed:
                raise Refused(f"nothing to withdraw, it is {closed.state}.") from None

        act_on_each(self, request, queryset, withdraw, done="Withdrawn")

    @admin.action(description="Send again", permissions=["end"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        def send(invitation: Invitation) -> None:
            try:
                is_sent = invitations.send_again(invitation=invitation, by=staff(request))
            except InvitationClosed as closed:
                raise Refused(f"cannot be sent again, it is {closed.state}.") from None
            if not is_sent:
                raise Refused("the mail could not be sent.")

        act_on_each(self, request, queryset, send, done="Sent again")
