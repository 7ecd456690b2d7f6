"""What signing up and signing in ask about invitations. An invited person may sign up while strangers may not."""

from django.http import HttpRequest


def is_invited(request: HttpRequest) -> bool:
    """Whether this session came by an invitation that still holds."""
    return False


def find_landing_path(request: HttpRequest) -> str | None:
    """Where an invited person goes first after signing in or up; None for everybody else."""
    return None
