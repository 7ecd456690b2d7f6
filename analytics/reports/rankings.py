"""Rankings: what was spent on each prompt, key, team, tag, model and provider, and how that compares with before.

The functions `rank_...` are given sums and, where there is something to compare with, those before. They make a row of
every value that has either, so that the rows add up to the totals of both.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, get_args

from django.db.models import Q

from analytics.comparisons import change_percent
from analytics.reports.scope import NO_VERSION, UNKNOWN_PROMPT, UNNAMED_MODEL, UNTAGGED, Dimension, Scope
from analytics.reports.sums import NOTHING, Sums, add_sums
from analytics.reports.totals import SumsOf, sums_by, sums_by_all
from orgs.models import ApiKey, Team

Order = Literal["requests", "cost", "average", "change", "name"]
ORDERS: tuple[Order, ...] = get_args(Order)


@dataclass(frozen=True, slots=True)
class Row:
    """The sums of one value of a dimension, under the name by which people know it."""

    # As in the roll-ups: a prompt key, a team's id, a version's number, a tag, ...; of a model (provider, model).
    value: Any
    name: str
    sums: Sums
    is_archived: bool = False  # archived, revoked, or its row is gone
    before: Sums | None = None  # None where nothing is compared
    title: str = ""  # a prompt's name beside its key
    team_id: int | None = None  # of an API key
    team_name: str = ""

    @property
    def change_pico_usd(self) -> int | None:
        return None if self.before is None else self.sums.cost_pico_usd - self.before.cost_pico_usd

    @property
    def change_percent(self) -> int | None:
        """Rounded; None where nothing was spent before."""
        if self.before is None:
            return None
        return change_percent(self.before.cost_pico_usd, self.sums.cost_pico_usd)

    @property
    def is_unused(self) -> bool:
        return self.sums.is_empty


@dataclass(frozen=True, slots=True)
class Owners:
    """All teams and keys of an organization, archived and revoked ones among them, for who has read them anyway."""

    teams: Sequence[Team]
    api_keys: Sequence[ApiKey]


def add_up(rows: Iterable[Row]) -> Sums:
    """The total of a report's rows."""
    return add_sums(row.sums for row in rows)


# --- Reports ----------------------------------------------------------------------------------------------------------


def by_prompt(scope: Scope, *, before: Scope | None = None, registered: Mapping[str, str] | None = None) -> list[Row]:
    """The most expensive prompt first; usage without a prompt key is a row called "unknown". One query.

    `registered` are the keys and names of prompts that get a row without usage too. Like in all of these, `before` is
    what to compare with, for one more query.
    """
    return rank_prompts(scope, *_both(scope, before, "prompt_key"), registered=registered)


def by_team(scope: Scope, *, before: Scope | None = None, with_unused: bool = False) -> list[Row]:
    """The most expensive team first, archived ones among them. Two queries.

    `with_unused` adds the current teams without usage.
    """
    return rank_teams(scope, *_both(scope, before, "team_id"), with_unused=with_unused)


def by_api_key(scope: Scope, *, before: Scope | None = None, with_unused: bool = False) -> list[Row]:
    """The most expensive key first, by its description or masked form, revoked ones among them. Two queries.

    `with_unused` adds the keys without usage that are not revoked.
    """
    return rank_api_keys(scope, *_both(scope, before, "api_key_id"), with_unused=with_unused)


def by_tag(scope: Scope, *, before: Scope | None = None) -> list[Row]:
    """The most expensive tag first. One query.

    A request counts in full under each of its tags, so these rows add up to more than the total; what has no tag is a
    row called "untagged" (value ""). In a scope with a tag that tag is the only row: roll-ups do not know which others
    its requests had.
    """
    return rank_tags(*_both(scope, before, "tag"))


def by_provider(scope: Scope, *, before: Scope | None = None) -> list[Row]:
    """The most expensive provider first. One query."""
    return rank(*_both(scope, before, "provider"))


def by_model(scope: Scope, *, before: Scope | None = None) -> list[Row]:
    """The most expensive model first. Values are (provider, model): two providers may sell one name. One query."""
    now = sums_by_all(scope, "provider", "model")
    return rank_models(now, sums_by_all(before, "provider", "model") if before else None)


def by_version(scope: Scope) -> list[Row]:
    """The most expensive version first, among equals by number, usage without a version (value 0) last. One query."""
    rows = [Row(number, str(number or NO_VERSION), sums) for number, sums in sums_by(scope, "version").items()]
    return sorted(rows, key=lambda row: (-row.sums.cost_pico_usd, row.value == 0, row.value))


def _both(scope: Scope, before: Scope | None, dimension: Dimension) -> tuple[SumsOf, SumsOf | None]:
    return sums_by(scope, dimension), sums_by(before, dimension) if before else None


# --- From sums to rows ------------------------------------------------------------------------------------------------


def rank_prompts(
    scope: Scope, now: SumsOf, before: SumsOf | None = None, *, registered: Mapping[str, str] | None = None
) -> list[Row]:
    """By prompt key. No query."""
    names = dict(registered or {})
    if scope.prompt_key is not None:
        names = {key: name for key, name in names.items() if key == scope.prompt_key}
    rows = []
    for key in {*now, *(before or ()), *names}:
        sums, earlier = _compared(key, now, before)
        rows.append(Row(key, key or UNKNOWN_PROMPT, sums, before=earlier, title=names.get(key, "")))
    return sort_rows(rows)


def rank_teams(
    scope: Scope,
    now: SumsOf,
    before: SumsOf | None = None,
    *,
    with_unused: bool = False,
    owners: Owners | None = None,
) -> list[Row]:
    """By team id. One query for their names, none if there is nothing to name or `owners` has them."""
    used = {*now, *(before or ())}
    if not used and not with_unused:
        return []
    known = {team.pk: team for team in owners.teams} if owners and not _has_owner(scope) else None
    if known is not None and used <= known.keys():
        teams = {pk: team for pk, team in known.items() if pk in used or (with_unused and not team.is_archived)}
    else:
        teams = _find_teams(scope, used, with_unused)
    rows = []
    for team_id in {*used, *teams}:
        team = teams.get(team_id)  # Spend outlives whatever happens to the team's row.
        name, is_archived = (team.name, team.is_archived) if team else (f"deleted team {team_id}", True)
        sums, earlier = _compared(team_id, now, before)
        rows.append(Row(team_id, name, sums, is_archived, earlier))
    return sort_rows(rows)


def _has_owner(scope: Scope) -> bool:
    return scope.team_id is not None or scope.api_key_id is not None


def _find_teams(scope: Scope, used: Collection[int], with_unused: bool) -> dict[int, Team]:
    wanted = Q(pk__in=used)
    if with_unused:
        current = Q(archived_at=None)
        if scope.team_id is not None:
            current &= Q(pk=scope.team_id)
        if scope.api_key_id is not None:
            current &= Q(pk__in=ApiKey.objects.filter(pk=scope.api_key_id).values("team_id"))
        wanted |= current
    return Team.objects.filter(wanted, organization_id=scope.organization_id).in_bulk()


def rank_api_keys(
    scope: Scope,
    now: SumsOf,
    before: SumsOf | None = None,
    *,
    with_unused: bool = False,
    owners: Owners | None = None,
) -> list[Row]:
    """By key id. One query for their names and teams, none if there is nothing to name or `owners` has them."""
    used = {*now, *(before or ())}
    if not used and not with_unused:
        return []
    known = {key.pk: key for key in owners.api_keys} if owners and not _has_owner(scope) else None
    if known is not None and used <= known.keys():
        keys = {pk: key for pk, key in known.items() if pk in used or (with_unused and not key.is_revoked)}
    else:
        keys = _find_api_keys(scope, used, with_unused)
    rows = []
    for key_id in {*used, *keys}:
        key = keys.get(key_id)
        sums, earlier = _compared(key_id, now, before)
        if key is None:
            rows.append(Row(key_id, f"deleted key {key_id}", sums, is_archived=True, before=earlier))
        else:
            rows.append(Row(key_id, key.label, sums, key.is_revoked, earlier, "", key.team_id, key.team.name))
    return sort_rows(rows)


def _find_api_keys(scope: Scope, used: Collection[int], with_unused: bool) -> dict[int, ApiKey]:
    wanted = Q(pk__in=used)
    if with_unused:
        current = Q(revoked_at=None)
        if scope.team_id is not None:
            current &= Q(team_id=scope.team_id)
        if scope.api_key_id is not None:
            current &= Q(pk=scope.api_key_id)
        wanted |= current
    return ApiKey.objects.filter(wanted, organization_id=scope.organization_id).select_related("team").in_bulk()


def rank_tags(now: SumsOf, before: SumsOf | None = None) -> list[Row]:
    """By tag. No query."""
    return rank(now, before, name_of=lambda tag: tag or UNTAGGED)


def rank_models(now: SumsOf, before: SumsOf | None = None) -> list[Row]:
    """By provider and model. No query."""
    return rank(now, before, name_of=name_of_model)


def name_of_model(model: tuple[str, str]) -> str:
    """What a provider's model is called."""
    return model[1] or UNNAMED_MODEL


def rank(now: SumsOf, before: SumsOf | None = None, *, name_of: Callable[[Any], str] = str) -> list[Row]:
    """Rows of values that are, or give, their own names. No query."""
    values = {*now, *(before or ())}
    compared = ((value, *_compared(value, now, before)) for value in values)
    return sort_rows(Row(value, name_of(value), sums, before=earlier) for value, sums, earlier in compared)


def _compared(value: Any, now: SumsOf, before: SumsOf | None) -> tuple[Sums, Sums | None]:
    return now.get(value, NOTHING), None if before is None else before.get(value, NOTHING)


# --- Order ------------------------------------------------------------------------------------------------------------


def sort_rows(rows: Iterable[Row], order: Order = "cost", descending: bool = True) -> list[Row]:
    """The rows in an order that is always the same for the same rows.

    What has no average or nothing to compare with is last either way. Equals go by cost, the largest first, then by
    name, then by value.
    """
    ranked = sorted(rows, key=lambda row: (-row.sums.cost_pico_usd, row.name, row.value))
    if order == "name":
        return sorted(ranked, key=lambda row: row.name.casefold(), reverse=descending)
    measured = [(row, _MEASURES[order](row)) for row in ranked]
    found = [(row, measure) for row, measure in measured if measure is not None]
    found.sort(key=lambda one: -one[1] if descending else one[1])
    return [row for row, _ in found] + [row for row, measure in measured if measure is None]


def _average(row: Row) -> Fraction | None:
    return Fraction(row.sums.cost_pico_usd, row.sums.priced_count) if row.sums.priced_count else None


_MEASURES: Mapping[str, Callable[[Row], Fraction | int | None]] = {
    "cost": lambda row: row.sums.cost_pico_usd,
    "requests": lambda row: row.sums.request_count,
    "average": _average,
    "change": lambda row: row.change_pico_usd,
}
