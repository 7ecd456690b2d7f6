"""The filter bar that the dashboard, the request log and the version comparison share: what can be chosen, what is.

Pages build one with `open_bar` and include templates/analytics/_filters.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlencode

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from analytics import filters, reports
from analytics.filters import BadFilter, Filters
from analytics.models import SeenValue
from analytics.provider_names import PROVIDERS
from analytics.reports import Owners
from orgs.models import ApiKey, Organization, Team
from prompts.models import Prompt

# Of prompts, models and tags each: a list of more helps nobody, and rankings lead to the rest.
MOST_CHOICES = 500
MOST_SCROLLED = 12
_SELECTED = SafeString(" selected")


@dataclass(frozen=True, slots=True)
class Choice:
    value: str  # as the address has it
    label: str
    more: str = ""  # told beside the label: a prompt's name, a key's team

    @property
    def in_full(self) -> str:
        return f"{self.label} · {self.more}" if self.more else self.label


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    every: str  # what is chosen when nothing is
    choices: Sequence[Choice]
    value: str = ""

    @property
    def chosen(self) -> Choice | None:
        """None where all is meant. What is chosen and not among the choices goes by its value."""
        if not self.value:
            return None
        return next((one for one in self.choices if one.value == self.value), Choice(self.value, self.value))

    @property
    def options(self) -> SafeString:
        """What a <select> offers. There are hundreds, at which a template takes ten times as long."""
        marks = {self.value: _SELECTED}
        options = ((one.value, marks.get(one.value, ""), one.in_full) for one in self.choices)
        return format_html_join("", '<option value="{}"{}>{}</option>', options)

    @property
    def in_words(self) -> str:
        """The label inside a sentence."""
        return self.label if self.label[:2].isupper() else self.label.lower()

    @property
    def is_long(self) -> bool:
        """Whether it is better searched than scrolled through."""
        return len(self.choices) > MOST_SCROLLED

    @property
    def is_known(self) -> bool:
        return any(one.value == self.value for one in self.choices)


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    href: str
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, and the page without it."""

    label: str
    value: str
    href: str


@dataclass(frozen=True, slots=True)
class Choices:
    """Whatever an organization's usage can be narrowed to."""

    teams: list[Team]
    api_keys: list[ApiKey]
    registered: dict[str, str]  # the names of the current prompts by their keys
    models: list[str]
    tags: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterBar:
    filters: Filters
    today: date
    action: str  # the page's address without a query
    words: str  # the days, as they go on after "Spent"
    fields: Sequence[Field]
    kept: Mapping[str, str]  # the page's own parameters, which every link and the form keep
    wrong: Sequence[BadFilter] = ()
    registered: Mapping[str, str] = field(default_factory=dict)
    owners: Owners | None = None

    @property
    def days(self) -> str:
        """The days as a label: "3-9 March"."""
        return filters.label_period(self.filters.period, self.today)

    @property
    def latest(self) -> date:
        return filters.latest_day(self.today)

    @property
    def preset_links(self) -> list[Link]:
        return [
            Link(label, self.href(range=preset), preset == self.filters.preset)
            for preset, label in filters.PRESETS.items()
        ]

    @property
    def chips(self) -> list[Chip]:
        chosen = [(one, one.chosen) for one in self.fields]
        return [
            Chip(one.label, choice.label, self._href_without(one.name)) for one, choice in chosen if choice is not None
        ]

    @property
    def reset_href(self) -> str:
        return self.action

    @property
    def wrong_words(self) -> list[tuple[str, str]]:
        """What each parameter that cannot be used is called in the bar, and what is wrong with it."""
        labels = {one.name: one.label for one in self.fields} | {"range": "Range", "start": "From", "end": "To"}
        return [(labels.get(error.parameter, error.parameter), error.message) for error in self.wrong]

    @property
    def unknown(self) -> list[Field]:
        """The fields whose value the organization does not have, as far as the bar knows."""
        return [one for one in self.fields if one.value and not one.is_known]

    def href(self, **changes: object) -> str:
        """The page with these filters changed (as in `Filters.parameters`), what is its own kept."""
        return self._address({**self.filters.parameters(**changes), **self._own})

    def _href_without(self, name: str) -> str:
        parameters = {**self.filters.parameters(), **self._own}
        parameters.pop(name, None)
        return self._address(parameters)

    def _address(self, parameters: Mapping[str, str]) -> str:
        return f"{self.action}?{urlencode(parameters)}" if parameters else self.action

    @property
    def _own(self) -> dict[str, str]:
        """The page's own fields and parameters."""
        more = {one.name: one.value for one in self.fields if one.value and one.name not in filters.PARAMETERS}
        return {**more, **self.kept}


def open_bar(
    organization: Organization,
    params: Mapping[str, str],
    *,
    action: str,
    today: date,
    kept: Mapping[str, str] | None = None,
    more: Sequence[Field] = (),
) -> FilterBar:
    """The bar for the parameters of an address, whatever they are. Five queries.

    `kept` are parameters of the page itself, `more` its own fields after the usual ones, with their values.
    """
    found, wrong = filters.parse_leniently(params, today=today)
    choices = read_choices(organization)
    fields = [*_fields(found, choices), *more]
    if found.version is not None and all(one.name != "version" for one in fields):
        fields.append(_version_field(found))
    return FilterBar(
        filters=found,
        today=today,
        action=action,
        words=filters.say_period(found, today),
        fields=fields,
        kept=kept or {},
        wrong=wrong,
        registered=choices.registered,
        owners=Owners(choices.teams, choices.api_keys),
    )


def read_choices(organization: Organization) -> Choices:
    """All teams, keys and current prompts, newest first; `MOST_CHOICES` models, and the newest tags. Five queries."""
    seen = SeenValue.objects.filter(organization_id=organization.pk, kind=SeenValue.Kind.TAG)
    newest_tags = seen.order_by("-day", "value").values_list("value", flat=True)
    prompts = Prompt.objects.of(organization.pk).current().order_by("-created_at", "key")
    return Choices(
        teams=list(Team.objects.of(organization).order_by("archived_at", "name")),
        api_keys=list(ApiKey.objects.of(organization).select_related("team").order_by("revoked_at", "-created_at")),
        registered=dict(prompts.values_list("key", "name")),
        models=reports.find_models(organization.pk, MOST_CHOICES),
        tags=sorted(newest_tags[:MOST_CHOICES]),
    )


def _fields(found: Filters, choices: Choices) -> list[Field]:
    asked = found.parameters()
    of_models = [Choice(filters.write("model", model), model) for model in choices.models]
    of_tags = [Choice(filters.write("tag", tag), tag) for tag in choices.tags]
    of_prompts = [Choice(key, key, name) for key, name in sorted([*choices.registered.items()][:MOST_CHOICES])]
    rows: list[tuple[str, str, str, list[Choice]]] = [
        ("provider", "Provider", "All providers", [Choice(name, label) for name, label in PROVIDERS.items()]),
        ("team", "Team", "All teams", [_team_choice(team) for team in choices.teams]),
        ("key", "API key", "All API keys", [_key_choice(key) for key in choices.api_keys]),
        ("prompt", "Prompt", "All prompts", [*of_prompts, Choice(reports.UNKNOWN_PROMPT, "unknown (no prompt key)")]),
        ("model", "Model", "All models", of_models),
        ("tag", "Tag", "All tags", [*of_tags, Choice(filters.UNTAGGED, "untagged (no tag)")]),
    ]
    return [Field(name, label, every, listed, asked.get(name, "")) for name, label, every, listed in rows]


def _version_field(found: Filters) -> Field:
    """For pages without a choice of versions that were led to one."""
    asked = found.parameters()["version"]
    return Field("version", "Version", "All versions", [Choice(asked, asked)], asked)


def _team_choice(team: Team) -> Choice:
    return Choice(str(team.pk), team.name, "archived" if team.archived_at else "")


def _key_choice(key: ApiKey) -> Choice:
    return Choice(str(key.pk), key.label, f"{key.team.name}, revoked" if key.is_revoked else key.team.name)
