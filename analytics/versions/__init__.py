"""Versions of a prompt side by side: what they cost and used, how they differ from one of them, and why.

Reading order: `causes` (the arithmetic of a difference), `models_seen` (which model names mean the same), `words` (the
difference in a sentence), all three pure; `comparison` puts them together from `analytics.reports`.
"""

from analytics.versions.comparison import Comparison, Configured, Line, Part, compare

__all__ = ["Comparison", "Configured", "Line", "Part", "compare"]
