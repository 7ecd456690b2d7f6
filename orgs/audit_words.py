"""Audit entries in words. Pure: knows the actions' names, not the database."""

from collections.abc import Mapping

# What the filter of the audit page offers: the part of an action's name before its dot, and how people call it.
SUBJECTS: Mapping[str, str] = {
    "organization": "Organization",
    "member": "Members",
    "invitation": "Invitations",
    "team": "Teams",
    "api_key": "API keys",
    "prompt": "Prompts",
}

# `{target}` and the entry's details may stand in a sentence, which goes on after the name of who did it.
_SENTENCES: Mapping[str, str] = {
    "organization.created": "created the organization {target}",
    "organization.renamed": "renamed the organization from {before} to {target}",
    "organization.timezone_changed": "changed the time zone from {before} to {after}",
    "organization.budget_set": "set the monthly budget to {after}",
    "organization.budget_changed": "changed the monthly budget from {before} to {after}",
    "organization.budget_removed": "removed the monthly budget of {before}",
    "organization.suspended": "suspended the organization: its keys are refused",
    "organization.resumed": "resumed the organization: its keys work again",
    "organization.deleted": "deleted the organization",
    "organization.restored": "had the deleted organization back",
    "organization.looked_at": "looked at the organization as staff, until {until}: {reason}",
    "organization.posted_again": "had {count} rejected records posted again",
    "organization.price_saved": "set a price of its own for {target}",
    "organization.price_deleted": "removed its own price for {target}",
    "organization.prices_imported": "set prices of its own from a file ({target})",
    "organization.discount_saved": "set a negotiated discount: {target}",
    "organization.discount_deleted": "removed the negotiated discount: {target}",
    "organization.changed": "changed the organization ({fields})",
    "member.added": "added {target} as {role}",
    "member.joined": "joined as {role}, by invitation",
    "member.role_changed": "made {target} {role}",
    "member.removed": "removed {target}, who was {role}",
    "member.locked": "locked the account of {target}",
    "member.unlocked": "unlocked the account of {target}",
    "member.second_factor_off": "turned off the two-factor sign-in of {target}",
    "member.left": "left, having been {role}",
    "invitation.sent": "invited {target} as {role}",
    "invitation.sent_again": "sent {target} the invitation again",
    "invitation.revoked": "revoked the invitation of {target}",
    "team.created": "created the team {target}",
    "team.renamed": "renamed the team {before} to {target}",
    "team.archived": "archived the team {target}",
    "team.changed": "changed the team {target} ({fields})",
    "api_key.issued": "created the API key {target} for the team {team}",
    "api_key.revoked": "revoked the API key {target}",
    "api_key.changed": "changed the API key {target} ({fields})",
    "prompt.created": "created the prompt {target}",
    "prompt.changed": "changed the prompt {target} ({fields})",
    "prompt.archived": "archived the prompt {target}",
    "prompt.restored": "restored the prompt {target}",
    "prompt.version_added": "added version {version} to the prompt {target}",
    "prompt.version_activated": "made version {version} of the prompt {target} the active one",
    "prompt.version_deactivated": "ended the use of version {version} of the prompt {target}",
}
_ROLES = {"owner": "an owner", "member": "a member"}


def say(action: str, target: str, details: Mapping[str, object]) -> str:
    """What was done, to be read after who did it. Of an action without a sentence the name is spelled out."""
    words = {name: str(value) for name, value in details.items()}
    if "role" in words:
        words["role"] = _ROLES.get(words["role"], words["role"])
    try:
        return _SENTENCES[action].format_map({**words, "target": target})
    except KeyError:
        subject, _, verb = action.partition(".")
        return f"{subject} {verb}: {target}".replace("_", " ")


def is_known(action: str) -> bool:
    return action in _SENTENCES
