"""What was spent, by any dimension. The only place that aggregates, and it reads the daily roll-ups.

Records are read for what no day tells of: the hours of a single day, the last use of keys, the names of models. What
was simulated is in none of it. A report is asked for by a `Scope` and answers with `Row`s; every dimension's rows add
up to `get_total` of the same scope, whatever it is narrowed to (tags apart, which overlap). Costs are integer pico-USD
here; `to_usd` turns them into dollars at the edges.
"""

from analytics.reports.days import Days, read_days
from analytics.reports.hours import (
    Hour,
    HourDimension,
    hourly_costs,
    hourly_costs_of_days,
    hours_of,
    records_in,
    with_tag,
)
from analytics.reports.rankings import (
    ORDERS,
    Order,
    Owners,
    Row,
    add_up,
    by_api_key,
    by_model,
    by_prompt,
    by_provider,
    by_tag,
    by_team,
    by_version,
    name_of_model,
    rank,
    rank_api_keys,
    rank_models,
    rank_prompts,
    rank_tags,
    rank_teams,
    sort_rows,
)
from analytics.reports.reading import find_days, has_usage
from analytics.reports.remainders import Grouping, Remainder, read_remainder
from analytics.reports.scope import ALL_TIME, NO_VERSION, UNKNOWN_PROMPT, UNNAMED_MODEL, UNTAGGED, Dimension, Scope
from analytics.reports.snapshot import one_moment
from analytics.reports.sums import FIGURES, NOTHING, SUM_COLUMNS, Sums, add_sums, take_off, to_usd
from analytics.reports.totals import (
    SumsOf,
    daily_costs,
    daily_costs_by,
    get_total,
    latest_stamp,
    recent_days,
    regroup,
    stamp_of,
    sums_by,
    sums_by_all,
    sums_by_both,
    sums_by_each,
)
from analytics.reports.used_models import find_models
from analytics.reports.uses import LastUse, RecentRequests, count_recent_requests, last_uses
from analytics.reports.versions import Durations, VersionSums, version_sums

__all__ = [
    "ALL_TIME",
    "FIGURES",
    "NOTHING",
    "NO_VERSION",
    "ORDERS",
    "SUM_COLUMNS",
    "UNKNOWN_PROMPT",
    "UNNAMED_MODEL",
    "UNTAGGED",
    "Days",
    "Dimension",
    "Durations",
    "Grouping",
    "Hour",
    "HourDimension",
    "LastUse",
    "Order",
    "Owners",
    "RecentRequests",
    "Remainder",
    "Row",
    "Scope",
    "Sums",
    "SumsOf",
    "VersionSums",
    "add_sums",
    "add_up",
    "by_api_key",
    "by_model",
    "by_prompt",
    "by_provider",
    "by_tag",
    "by_team",
    "by_version",
    "count_recent_requests",
    "daily_costs",
    "daily_costs_by",
    "find_days",
    "find_models",
    "get_total",
    "has_usage",
    "hourly_costs",
    "hourly_costs_of_days",
    "hours_of",
    "last_uses",
    "latest_stamp",
    "name_of_model",
    "one_moment",
    "rank",
    "rank_api_keys",
    "rank_models",
    "rank_prompts",
    "rank_tags",
    "rank_teams",
    "read_days",
    "read_remainder",
    "recent_days",
    "records_in",
    "regroup",
    "sort_rows",
    "stamp_of",
    "sums_by",
    "sums_by_all",
    "sums_by_both",
    "sums_by_each",
    "take_off",
    "to_usd",
    "version_sums",
    "with_tag",
]
