"""The days that the pages of prompts are about: all time unless some are chosen, as `analytics.filters` reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from analytics import filters, reports
from analytics.filters import RANGE_PARAMETERS, BadFilter, Filters
from analytics.periods import Period
from analytics.views.filter_bar import Link

ALL = "all"


@dataclass(frozen=True, slots=True)
class RangeBar:
    """`kept` are the page's own parameters, which every link keeps. Include templates/prompts/_range.html."""

    action: str
    today: date
    chosen: Filters | None  # None: all time
    kept: Mapping[str, str]
    wrong: Sequence[BadFilter] = ()

    @property
    def period(self) -> Period:
        return self.chosen.period if self.chosen else reports.ALL_TIME

    @property
    def preset(self) -> str:
        """ "" where the days were chosen one by one."""
        return self.chosen.preset if self.chosen else ALL

    @property
    def words(self) -> str:
        """As they go on after "Spent"."""
        return filters.say_period(self.chosen, self.today) if self.chosen else "in all"

    @property
    def days(self) -> str:
        return filters.label_period(self.period, self.today) if self.chosen else "all time"

    @property
    def latest(self) -> date:
        return filters.latest_day(self.today)

    @property
    def wrong_words(self) -> list[tuple[str, str]]:
        """What each parameter that cannot be used is called on the page, and what is wrong with it."""
        labels = {"range": "Range", "start": "From", "end": "To"}
        return [(labels.get(error.parameter, error.parameter), error.message) for error in self.wrong]

    @property
    def parameters(self) -> dict[str, str]:
        """For links to other pages about the same days, and for the form."""
        if self.chosen is None:
            return {}
        if self.preset:
            return {"range": self.preset}
        return {"start": self.period.start.isoformat(), "end": self.period.end.isoformat()}

    @property
    def query(self) -> str:
        """The same, to be put after an address."""
        return f"?{urlencode(self.parameters)}" if self.parameters else ""

    @property
    def links(self) -> list[Link]:
        presets = {**filters.PRESETS, ALL: "All time"}
        return [
            Link(label, self._address({} if preset == ALL else {"range": preset}), preset == self.preset)
            for preset, label in presets.items()
        ]

    @property
    def clear_href(self) -> str:
        """Without what was searched for."""
        return self.href(q="")

    def href(self, **changes: str) -> str:
        """The page for the same days, its own parameters changed; "" leaves one out."""
        return self._address(self.parameters, {**self.kept, **changes})

    def _address(self, days: Mapping[str, str], kept: Mapping[str, str] | None = None) -> str:
        own = self.kept if kept is None else kept
        query = urlencode({**days, **{name: value for name, value in own.items() if value}})
        return f"{self.action}?{query}" if query else self.action


def open_range(
    params: Mapping[str, str], *, action: str, today: date, kept: Mapping[str, str] | None = None
) -> RangeBar:
    """Days that cannot be read are told of, and all time holds. No query."""
    asked = {name: params[name] for name in RANGE_PARAMETERS if params.get(name)}
    if not asked or asked == {"range": ALL}:
        return RangeBar(action, today, None, kept or {})
    chosen, wrong = filters.parse_leniently(asked, today=today)
    return RangeBar(action, today, None if wrong else chosen, kept or {}, wrong)
