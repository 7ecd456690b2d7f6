"""What staff see of organizations and do to them. One module per subject; `base` is for other apps too."""

from orgs.admin import keys, logs, organizations, people
from orgs.admin.base import LargeTableAdmin, OrganizationFilter, ReadOnlyAdmin, RecordAdmin, staff

__all__ = [
    "LargeTableAdmin",
    "OrganizationFilter",
    "ReadOnlyAdmin",
    "RecordAdmin",
    "keys",
    "logs",
    "organizations",
    "people",
    "staff",
]
