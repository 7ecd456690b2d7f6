"""How much of a month's budget is gone, and where the month is heading. Pure arithmetic on what reports have read."""

from dataclasses import dataclass
from datetime import date

from analytics.periods import Period

NEAR_PERCENT = 80


@dataclass(frozen=True, slots=True)
class BudgetState:
    """For `templates/analytics/_budget.html`. Amounts are pico-USD; percentages are rounded down, so 100 is reached."""

    month: Period
    today: date
    budget_pico_usd: int
    spent_pico_usd: int
    projection_pico_usd: int | None = None  # of the whole month, where one can be made

    @property
    def percent(self) -> int:
        return self.spent_pico_usd * 100 // self.budget_pico_usd

    @property
    def bar_percent(self) -> int:
        return min(100, self.percent)

    @property
    def even_percent(self) -> int:
        """How much would be gone by the end of today if every day took the same share."""
        days_gone = min(max((self.today - self.month.start).days + 1, 0), self.month.day_count)
        return days_gone * 100 // self.month.day_count

    @property
    def pace_pico_usd(self) -> int:
        """An even share of the budget for one day: `pace=` of `charts.stack_days`."""
        return self.budget_pico_usd // self.month.day_count

    @property
    def left_pico_usd(self) -> int:
        return max(0, self.budget_pico_usd - self.spent_pico_usd)

    @property
    def over_pico_usd(self) -> int:
        return max(0, self.spent_pico_usd - self.budget_pico_usd)

    @property
    def is_reached(self) -> bool:
        return self.spent_pico_usd >= self.budget_pico_usd

    @property
    def is_near(self) -> bool:
        return self.percent >= NEAR_PERCENT

    @property
    def projected_over_pico_usd(self) -> int:
        """By how much the month would end above the budget; 0 where it would not, or nobody can tell."""
        return max(0, (self.projection_pico_usd or 0) - self.budget_pico_usd)
