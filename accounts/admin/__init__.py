"""People, how they sign in, the roles of staff, and the staff's home. One module per subject."""

from accounts.admin import home, sign_in, staff_log, users

__all__ = ["home", "sign_in", "staff_log", "users"]
