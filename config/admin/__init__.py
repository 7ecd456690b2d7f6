"""What the admin pages of all apps have in common. Knows no app.

`discreet`: no filter by secrets. `lists`: tables of millions. `acts`: what staff do to several records at once.
`site`: the frame, and pages of no model.
"""

from config.admin.discreet import DiscreetAdmin

__all__ = ["DiscreetAdmin"]
