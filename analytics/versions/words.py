"""The difference between two versions in words, and which version the others are compared with. Pure.

"v3 costs 31 % less per request than v2: shorter answers, same input."
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from analytics.versions.causes import CACHE_WRITE_BUCKETS, Cause, Kind, Spending, find_causes
from analytics.versions.models_seen import undated

# Fewer priced requests than this say little about an average: the length of single answers varies by more than what
# people change between versions.
LEAST_SAMPLE = 30
# A cause is named from this share of all changes, up and down taken together, and of the reference's average cost.
_LEAST_SHARE_OF_CHANGES = Fraction(10, 100)
_LEAST_SHARE_OF_COST = Fraction(1, 100)
_ABOUT_AS_MUCH = Fraction(1, 100)
_SAME_LENGTH = Fraction(3, 100)

_LESS_AND_MORE = {
    Kind.INPUT: ("shorter input", "longer input"),
    Kind.INPUT_AUDIO: ("less audio to hear", "more audio to hear"),
    Kind.INPUT_IMAGE: ("less to see in images", "more to see in images"),
    Kind.OUTPUT: ("shorter answers", "longer answers"),
    Kind.OUTPUT_AUDIO: ("shorter spoken answers", "longer spoken answers"),
    Kind.OUTPUT_IMAGE: ("fewer or smaller images", "more or larger images"),
    Kind.WEB_SEARCHES: ("fewer web searches", "more web searches"),
    Kind.FILE_SEARCHES: ("fewer file searches", "more file searches"),
    Kind.CHARACTERS: ("shorter texts to speak", "longer texts to speak"),
    Kind.AUDIO_MS: ("shorter recordings", "longer recordings"),
}


@dataclass(frozen=True, slots=True)
class Side:
    """A version as it is compared. `models`: of its priced requests, the most used first."""

    name: str
    spending: Spending
    models: tuple[str, ...] = ()
    request_count: int = 0  # all, also those without a price
    is_active: bool = False
    is_numbered: bool = True

    @property
    def has_enough(self) -> bool:
        return self.spending.requests >= LEAST_SAMPLE


@dataclass(frozen=True, slots=True)
class Difference:
    """What a version costs per request against the reference. `causes` add up to `pico_usd`."""

    words: str
    is_judged: bool  # False: too few requests, or no price
    pico_usd: Fraction | None = None
    percent: int | None = None  # None where the reference costs nothing
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    side: Side | None
    words: str  # why this one, or why none


def choose_reference(sides: Sequence[Side]) -> Reference:
    """The active version; where there is none, or it cannot carry a comparison, the one with most priced requests.

    `sides` in the order of the page: among equals the first one is taken.
    """
    candidates = [side for side in sides if side.is_numbered and side.spending.requests]
    if not candidates:
        return Reference(None, _why_none(sides))
    used = [side for side in sides if side.request_count]
    if len(used) == 1:
        return Reference(None, f"Only {used[0].name} has requests in these days: there is nothing to compare it with.")
    active = next((side for side in sides if side.is_active), None)
    most = max(candidates, key=lambda side: side.spending.requests)
    if active in candidates and active is not None and (active.has_enough or not most.has_enough or active is most):
        return Reference(active, f"Compared with {active.name}, the active version.")
    start = f"Compared with {most.name}, the version with the most requests"
    if active is None:
        return Reference(most, f"{start}: no version is active.")
    if not active.request_count:
        return Reference(most, f"{start}: {active.name} is active, but has no request in these days.")
    if not active.spending.requests:
        return Reference(most, f"{start}: {active.name} is active, but none of its requests has a price.")
    return Reference(most, f"{start}: {active.name} is active, but has only {_requests(active)} in these days.")


def _why_none(sides: Sequence[Side]) -> str:
    if any(side.request_count for side in sides if side.is_numbered):
        return "No version has a request with a price: there is nothing to compare."
    if any(side.request_count for side in sides):
        return "No request names a version, and none was active: there is nothing to compare."
    return "No request in these days."


def describe(side: Side, reference: Side) -> Difference:
    """The sentence and what stands behind it. `reference` has priced requests."""
    spending, before = side.spending, reference.spending
    if not side.request_count:
        return Difference("", is_judged=False)
    if not spending.requests:
        return Difference(f"No request of {side.name} has a price, so its cost cannot be compared.", is_judged=False)
    difference = spending.average - before.average
    causes = find_causes(before, spending)
    percent = round(difference * 100 / before.average) if before.average else None
    is_judged = side.has_enough and reference.has_enough
    if not is_judged:
        words = f"{_claim(side, reference)}, but {_too_few(side, reference)}: too few to judge."
    else:
        words = _claim(side, reference) + _reasons(side, reference, causes) + "."
    return Difference(_capitalized(words), is_judged, difference, percent, causes)


def _claim(side: Side, reference: Side) -> str:
    now, before = side.spending.average, reference.spending.average
    if not now and not before:
        return f"{side.name} costs nothing, like {reference.name}"
    if not before:
        return f"{side.name} costs something, {reference.name} nothing"
    if not now:
        return f"{side.name} costs nothing, unlike {reference.name}"
    if _is_about_as_much(now, before):
        return f"{side.name} costs about as much per request as {reference.name}"
    return f"{side.name} costs {_comparison(now / before)} per request {_link(now / before)} {reference.name}"


def _is_about_as_much(now: Fraction, before: Fraction) -> bool:
    return abs(now - before) < _ABOUT_AS_MUCH * before


def _comparison(ratio: Fraction) -> str:
    if ratio >= 10:
        return f"{round(ratio):,} times as much"
    if ratio >= 2:
        return f"{_decimal(ratio)} times as much"
    percent = round(abs(ratio - 1) * 100)
    if ratio < 1:
        return "over 99 % less" if percent > 99 else f"{percent} % less"
    return f"{percent} % more"


def _link(ratio: Fraction) -> str:
    return "as" if ratio >= 2 else "than"


def _too_few(side: Side, reference: Side) -> str:
    if side.has_enough:
        return f"{reference.name} has only {_requests(reference)}"
    if reference.has_enough:
        return f"from {_requests(side)}"
    return f"from {_requests(side)} against {reference.spending.requests}"


def _requests(side: Side) -> str:
    count = side.spending.requests
    return f"{count:,} request" if count == 1 else f"{count:,} requests"


def _reasons(side: Side, reference: Side, causes: Sequence[Cause]) -> str:
    named = important(causes, reference.spending.average)
    if not side.spending.average or not reference.spending.average:
        return ""
    downwards = [_phrase(cause, side, reference) for cause in named if cause.pico_usd < 0]
    upwards = [_phrase(cause, side, reference) for cause in named if cause.pico_usd > 0]
    difference = side.spending.average - reference.spending.average
    if _is_about_as_much(side.spending.average, reference.spending.average):
        return f": {', '.join(upwards)}, but {', '.join(downwards)}" if upwards and downwards else ""
    for_it, against = (downwards, upwards) if difference < 0 else (upwards, downwards)
    if not for_it:
        return ""
    if against:
        return f": {', '.join(for_it)}, despite {_and(against)}"
    return f": {', '.join([*for_it, *_what_stayed(side, reference, {cause.kind for cause in named})])}"


def important(causes: Sequence[Cause], average: Fraction) -> list[Cause]:
    """Those worth naming, largest first. `average` is what a request of the reference costs."""
    changes = sum((abs(cause.pico_usd) for cause in causes), Fraction(0))
    least = max(changes * _LEAST_SHARE_OF_CHANGES, average * _LEAST_SHARE_OF_COST)
    return [cause for cause in causes if cause.kind != Kind.UNKNOWN and abs(cause.pico_usd) >= least]


def _phrase(cause: Cause, side: Side, reference: Side) -> str:
    is_more = cause.pico_usd > 0
    if cause.kind == Kind.RATES:
        return _phrase_of_rates(is_more, side, reference)
    if cause.kind == Kind.CACHE:
        return _phrase_of_cache(is_more, side.spending, reference.spending)
    return _LESS_AND_MORE[cause.kind][is_more]


def _phrase_of_rates(is_more: bool, side: Side, reference: Side) -> str:
    names = change_of_model(side, reference)
    if names is not None:
        return f"a {'more expensive' if is_more else 'cheaper'} model ({names[1]} instead of {names[0]})"
    if set(side.models) != set(reference.models):
        return f"a {'more expensive' if is_more else 'cheaper'} mix of models"
    return f"{'higher' if is_more else 'lower'} prices"


def change_of_model(side: Side, reference: Side) -> tuple[str, str] | None:
    """The most used models, before and now, where they differ; snapshots are named only to tell two of them apart."""
    if not side.models or not reference.models or side.models[0] == reference.models[0]:
        return None
    before, now = reference.models[0], side.models[0]
    short = undated(before), undated(now)
    return short if short[0] != short[1] else (before, now)


def _phrase_of_cache(is_more: bool, now: Spending, before: Spending) -> str:
    reads = now.share_of_prompt("cache_read") - before.share_of_prompt("cache_read")
    if is_more:
        return "less input from the cache" if reads < 0 else "more cache writes"
    if reads > 0:
        return "more input from the cache"
    writes = now.share_of_prompt(*CACHE_WRITE_BUCKETS) - before.share_of_prompt(*CACHE_WRITE_BUCKETS)
    return "fewer cache writes" if writes < 0 else "cheaper cache writes"


def _what_stayed(side: Side, reference: Side, named: Iterable[Kind]) -> list[str]:
    """Said where a reader would wonder: "shorter answers, same input"."""
    now, before, changed = side.spending, reference.spending, set(named)
    lengths = {
        Kind.INPUT: (now.prompt_length, before.prompt_length),
        Kind.OUTPUT: (now.per_request("output"), before.per_request("output")),
    }
    same = [kind.value for kind, pair in lengths.items() if kind not in changed and _is_same_length(*pair)]
    return [f"same {_and(same)}"] if same else []


def _is_same_length(now: Fraction, before: Fraction) -> bool:
    return before > 0 and abs(now - before) <= _SAME_LENGTH * before


def _decimal(number: Fraction) -> str:
    """At most one decimal, rounded."""
    tenths = round(number * 10)
    return f"{tenths // 10}.{tenths % 10}".removesuffix(".0")


def _and(phrases: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(phrases[:-1]), phrases[-1]]))


def _capitalized(sentence: str) -> str:
    """Names of versions keep their small v."""
    return sentence if sentence[:1] == "v" and sentence[1:2].isdigit() else sentence[:1].upper() + sentence[1:]


# --- The causes as a list ---------------------------------------------------------------------------------------------


def name_cause(kind: Kind) -> str:
    return _NAMES[kind]


def say_change(kind: Kind, side: Side, reference: Side) -> str:
    """What changed behind a cause, from the reference to the version: "430 → 380 tokens"."""
    now, before = side.spending, reference.spending
    if kind == Kind.UNKNOWN:
        return f"No list price is known for the models of {reference.name}"
    if kind == Kind.RATES:
        names = change_of_model(side, reference)
        if names is not None:
            return f"{names[0]} → {names[1]}"
        return "same model" if set(side.models) == set(reference.models) else "another mix of models"
    if kind == Kind.CACHE:
        shares = [spending.share_of_prompt("cache_read") * 100 for spending in (before, now)]
        return f"{round(shares[0])} % → {round(shares[1])} % read from the cache"
    if kind in {Kind.WEB_SEARCHES, Kind.FILE_SEARCHES}:
        return f"{_decimal(before.per_request(kind))} → {_decimal(now.per_request(kind))}"
    if kind == Kind.AUDIO_MS:
        return f"{_decimal(before.per_request(kind) / 1000)} → {_decimal(now.per_request(kind) / 1000)} seconds"
    lengths = [one.prompt_length if kind == Kind.INPUT else one.per_request(kind) for one in (before, now)]
    return f"{round(lengths[0]):,} → {round(lengths[1]):,} {'characters' if kind == Kind.CHARACTERS else 'tokens'}"


_NAMES = {
    Kind.RATES: "Model and prices",
    Kind.INPUT: "Length of the input",
    Kind.CACHE: "Use of the cache",
    Kind.INPUT_AUDIO: "Audio input",
    Kind.INPUT_IMAGE: "Images in the input",
    Kind.OUTPUT: "Length of the answers",
    Kind.OUTPUT_AUDIO: "Spoken answers",
    Kind.OUTPUT_IMAGE: "Images made",
    Kind.WEB_SEARCHES: "Web searches",
    Kind.FILE_SEARCHES: "File searches",
    Kind.CHARACTERS: "Texts to speak",
    Kind.AUDIO_MS: "Length of recordings",
    Kind.UNKNOWN: "Cannot be told apart",
}
