"""What a page or a file of figures is asked for: a range of days and what to narrow it to, as its address says it.

Pure but for the `Scope` that reports take; no clock, no database. Whether a team or a key exists is not known here.

A value that stands for "none" is a word in the address (`prompt=unknown`, `tag=untagged`, `model=unnamed`,
`version=none`). A tag or a model that really has such a name is written after an equals sign (`tag==untagged`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from analytics import periods, reports
from analytics.periods import BadPeriod, Period
from analytics.reports import Scope

DEFAULT_PRESET = "month"
PRESETS = {
    "today": "Today",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "month": "This month",
    "last-month": "Last month",
}
RANGE_PARAMETERS = ("range", "start", "end")
UNTAGGED = "untagged"
UNNAMED_MODEL = "unnamed"
NO_VERSION = "none"

# Nobody spent anything before, and dates far away only make pages of empty days.
EARLIEST = date(2000, 1, 1)
MOST_DAYS = 1100  # three years and a little

_LITERALLY = "="
_MAX_ID = 2**63 - 1
_MAX_VERSION = 2**31 - 1
_ROLLING_DAYS = {"today": 1, "7d": 7, "30d": 30, "90d": 90}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class BadFilter(ValueError):
    """One parameter of the address cannot be used. `message` is a sentence for whoever wrote it."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """`None`, and "" of the provider, mean all; "" of the others, and version 0, mean what has none."""

    period: Period
    preset: str = DEFAULT_PRESET  # "" when the days were chosen one by one
    provider: str = ""
    team_id: int | None = None
    api_key_id: int | None = None
    prompt_key: str | None = None
    model: str | None = None
    tag: str | None = None
    version: int | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the days is asked for."""
        return any(name not in RANGE_PARAMETERS for name in self.parameters())

    def scope(self, organization_id: int) -> Scope:
        return Scope(
            organization_id=organization_id,
            period=self.period,
            provider=self.provider,
            prompt_key=self.prompt_key,
            team_id=self.team_id,
            api_key_id=self.api_key_id,
            model=self.model,
            tag=self.tag,
            version=self.version,
        )

    def parameters(self, **changes: Any) -> dict[str, str]:
        """The parameters of the address that asks for this, always in the same order, defaults left out.

        A change is named as its parameter and valued as a report's row (`prompt=""` asks for usage without a prompt,
        None for all). A change of `range` replaces the days, and so do `start` and `end`, dates given together.
        """
        if "range" in changes:
            found = {"range": changes["range"]}
        elif "start" in changes:
            found = {"start": changes["start"].isoformat(), "end": changes["end"].isoformat()}
        elif self.preset:
            found = {"range": self.preset}
        else:
            found = {"start": self.period.start.isoformat(), "end": self.period.end.isoformat()}
        if found.get("range") in {DEFAULT_PRESET, None, ""} and "range" in found:
            found = {}
        for name, (field, _, write) in _FIELDS.items():
            value = changes[name] if name in changes else getattr(self, field)
            if value is not None and not (field == "provider" and not value):
                found[name] = write(value)
        return found

    def query(self, **changes: Any) -> str:
        """`parameters` as the query of a link, without the question mark."""
        return urlencode(self.parameters(**changes))


def parse(params: Mapping[str, str], *, today: date) -> Filters:
    """Read the parameters of an address; those of other things are left alone. Raises the first `BadFilter`.

    A parameter without a value is one that is not there: forms without JavaScript send all of their fields.
    """
    filters, wrong = parse_leniently(params, today=today)
    if wrong:
        raise wrong[0]
    return filters


def parse_leniently(params: Mapping[str, str], *, today: date) -> tuple[Filters, tuple[BadFilter, ...]]:
    """For pages: whatever cannot be used is left out (its default holds) and told of beside the rest."""
    wrong: list[BadFilter] = []
    try:
        period, preset = _read_days(params, today)
    except BadFilter as error:
        wrong.append(error)
        period, preset = period_of(DEFAULT_PRESET, today), DEFAULT_PRESET
    found: dict[str, Any] = {}
    for name, (field, read, _) in _FIELDS.items():
        text = params.get(name, "")
        if text:
            try:
                found[field] = read(text)
            except ValueError as error:
                wrong.append(BadFilter(name, str(error)))
    return Filters(period=period, preset=preset, **found), tuple(wrong)


def write(parameter: str, value: Any) -> str:
    """A value of a report's row as the parameter of an address has it: "" of a tag is "untagged"."""
    return _FIELDS[parameter][2](value)


def period_of(preset: str, today: date) -> Period:
    """The days that a preset means today. The rolling ones end with today, the months are whole."""
    if preset in _ROLLING_DAYS:
        return Period(today - timedelta(days=_ROLLING_DAYS[preset] - 1), today)
    month = periods.month_of(today)
    return month if preset == "month" else periods.previous(month)


def latest_day(today: date) -> date:
    """The last day that can be asked for."""
    return today + timedelta(days=366)


def label_period(period: Period, today: date) -> str:
    """The days as a label: "9 March", "3-9 March", "28 February - 3 March"; with years unless all of it is today's."""
    if period.start.year != period.end.year:
        return f"{period.start:%-d %B %Y} \N{EN DASH} {period.end:%-d %B %Y}"
    end = _say(period.end, today, "%-d %B")
    if period.day_count == 1:
        return end
    if (period.start.year, period.start.month) == (period.end.year, period.end.month):
        return f"{period.start.day}\N{EN DASH}{end}"
    return f"{period.start:%-d %B} \N{EN DASH} {end}"


def name_period(period: Period, today: date) -> str:
    """The days as a name: "March", "3-9 March"."""
    if period == periods.month_of(period.start):
        return _say(period.start, today, "%B")
    return label_period(period, today)


def say_period(filters: Filters, today: date) -> str:
    """The days in words that go on after "Spent": "today", "in the last 7 days", "in March", "3-9 March"."""
    period = filters.period
    if filters.preset in _ROLLING_DAYS:
        days = _ROLLING_DAYS[filters.preset]
        return "today" if days == 1 else f"in the last {days} days"
    if period == periods.month_of(period.start):
        return f"in {name_period(period, today)}"
    return f"{'on ' if period.day_count == 1 else ''}{name_period(period, today)}"


def _say(day: date, beside: date, form: str) -> str:
    """With its year, unless that is the one of the day beside it."""
    return day.strftime(form if day.year == beside.year else f"{form} %Y")


def _read_days(params: Mapping[str, str], today: date) -> tuple[Period, str]:
    start, end = params.get("start") or None, params.get("end") or None
    if start or end:
        return _read_chosen_days(start, end, today), ""
    preset = params.get("range") or DEFAULT_PRESET
    if preset not in PRESETS:
        raise BadFilter("range", f"It is one of {', '.join(PRESETS)}.")
    return period_of(preset, today), preset


def _read_chosen_days(start: str | None, end: str | None, today: date) -> Period:
    try:
        period = periods.parse_period(start, end, today)
    except BadPeriod as error:
        raise BadFilter(error.parameter, error.message) from None
    if period.start < EARLIEST:
        raise BadFilter("start" if start else "end", f"Dates begin with {EARLIEST}.")
    if period.end > latest_day(today):
        raise BadFilter("end" if end else "start", "That is more than a year ahead.")
    if period.day_count > MOST_DAYS:
        raise BadFilter("start", f"These are more than {MOST_DAYS} days. Choose fewer.")
    return period


def _read_text(most: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > most or _CONTROL.search(text):
            raise ValueError(f"It has at most {most} characters, none of them a control character.")
        return text

    return read


def _read_number(what: str, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= most):
            raise ValueError(f"It is {what}, a whole number.")
        return int(text)

    return read


def _with_word(word: str, read: Callable[[str], str]) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """How a text is read and written for which a word stands when it is empty, whatever texts there are."""

    def read_word(text: str) -> str:
        return "" if text == word else read(text.removeprefix(_LITERALLY))

    def write_word(value: str) -> str:
        if not value:
            return word
        return _LITERALLY + value if value == word or value.startswith(_LITERALLY) else value

    return read_word, write_word


def _read_prompt(text: str) -> str:
    return "" if text == reports.UNKNOWN_PROMPT else _read_text(128)(text)


def _read_version(text: str) -> int:
    return 0 if text == NO_VERSION else _read_number(f'the number of a version or "{NO_VERSION}"', _MAX_VERSION)(text)


# Of every parameter beside the days: its field, how it is read and how it is written, in the order of addresses.
_FIELDS: dict[str, tuple[str, Callable[[str], Any], Callable[[Any], str]]] = {
    "provider": ("provider", _read_text(32), str),
    "team": ("team_id", _read_number("the id of a team", _MAX_ID), str),
    "key": ("api_key_id", _read_number("the id of an API key", _MAX_ID), str),
    # No prompt can be called so: the proxy reads the word as "none" (`proxy.body`).
    "prompt": ("prompt_key", _read_prompt, lambda key: key or reports.UNKNOWN_PROMPT),
    "model": ("model", *_with_word(UNNAMED_MODEL, _read_text(200))),
    "tag": ("tag", *_with_word(UNTAGGED, _read_text(64))),
    "version": ("version", _read_version, lambda number: str(number or NO_VERSION)),
}
NARROWING = tuple(_FIELDS)
PARAMETERS = (*RANGE_PARAMETERS, *NARROWING)
