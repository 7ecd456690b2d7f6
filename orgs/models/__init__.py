"""The records of organizations, their people, teams and keys. Nothing that carries spend is ever deleted."""

from orgs.models.api_key import ApiKey, RevocationEntry
from orgs.models.audit import AuditEntry
from orgs.models.budget import BudgetAlert
from orgs.models.invitation import Invitation
from orgs.models.organization import Membership, Organization
from orgs.models.refusal import RefusedCall
from orgs.models.team import Team

__all__ = [
    "ApiKey",
    "AuditEntry",
    "BudgetAlert",
    "Invitation",
    "Membership",
    "Organization",
    "RefusedCall",
    "RevocationEntry",
    "Team",
]
