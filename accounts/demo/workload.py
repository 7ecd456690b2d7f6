"""What the demo's organization does all day: its teams, prompts and versions, and how many calls of which size."""

from dataclasses import dataclass

HISTORY_DAYS = 60
TEAMS = ("backend", "mobile-app", "data-science")


@dataclass(frozen=True, slots=True)
class VersionPlan:
    """From a day of the history on, calls look like this. Token counts are means."""

    from_day: int
    model: str
    answering_model: str
    input_tokens: int
    output_tokens: int
    cached_share: float = 0.0  # of the input, on a cache hit
    hit_rate: float = 0.0  # of the calls; the others write to the cache where the provider bills that
    reasoning_share: float = 0.0
    max_tokens: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class PromptPlan:
    prompt_key: str  # "" for calls that name none
    team: str
    key: str  # the description of the platform key that the calls use
    provider: str
    calls_a_day: float  # on a working day at the start
    versions: tuple[VersionPlan, ...] = ()
    name: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    streamed_share: float = 0.0
    weekend_factor: float = 0.3
    is_nightly: bool = False
    web_searches: int = 0
    from_day: int = 0


PROMPTS = (
    PromptPlan(
        prompt_key="document-summarizer",
        name="Document summarizer",
        description="Summaries of uploaded contracts and reports, shown above the document.",
        team="backend",
        key="Backend production",
        provider="openai",
        calls_a_day=72,
        tags=("summarization", "documents"),
        versions=(
            VersionPlan(0, "gpt-4o", "gpt-4o-2024-08-06", 3200, 430, max_tokens=800, note="First version."),
            VersionPlan(
                *(38, "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", 2450, 380),
                max_tokens=600,
                note="Smaller model and shorter instructions; judged as good in a blind test.",
            ),
        ),
    ),
    PromptPlan(
        prompt_key="chat-assistant",
        name="Chat assistant",
        description="The assistant in the app. Answers are streamed.",
        team="mobile-app",
        key="App production",
        provider="anthropic",
        calls_a_day=126,
        tags=("chat", "support"),
        streamed_share=1.0,
        weekend_factor=0.75,
        versions=(
            VersionPlan(0, "claude-sonnet-4-6", "claude-sonnet-4-6", 2600, 340, max_tokens=1024, note="First version."),
            VersionPlan(
                *(20, "claude-sonnet-4-6", "claude-sonnet-4-6", 2650, 340),
                cached_share=0.8,
                hit_rate=0.85,
                max_tokens=1024,
                note="Prompt caching for the instructions and the product catalogue.",
            ),
        ),
    ),
    PromptPlan(
        prompt_key="search-rerank",
        name="Search re-ranking",
        description="Orders the twenty best hits of the full-text search.",
        team="backend",
        key="Backend production",
        provider="openai",
        calls_a_day=140,
        tags=("search",),
        versions=(VersionPlan(0, "gpt-5-nano", "gpt-5-nano-2025-08-07", 1450, 60, 0.7, 0.6, max_tokens=128),),
    ),
    PromptPlan(
        prompt_key="email-drafts",
        name="E-mail drafts",
        description="Three drafts of an answer for the support team to choose from.",
        team="mobile-app",
        key="App production",
        provider="openai",
        calls_a_day=48,
        tags=("email", "support"),
        streamed_share=0.6,
        weekend_factor=0.2,
        versions=(VersionPlan(0, "gpt-5-mini", "gpt-5-mini-2025-08-07", 900, 620, reasoning_share=0.45),),
    ),
    PromptPlan(
        prompt_key="ticket-triage",
        name="Ticket triage",
        description="Nightly labels for the day's support tickets.",
        team="data-science",
        key="Nightly jobs",
        provider="anthropic",
        calls_a_day=84,
        tags=("support", "batch"),
        weekend_factor=0.5,
        is_nightly=True,
        versions=(VersionPlan(0, "claude-haiku-4-5", "claude-haiku-4-5-20251001", 1100, 90, 0.6, 0.9, max_tokens=200),),
    ),
    PromptPlan(
        prompt_key="contract-review",
        name="Contract review",
        description="Finds unusual clauses and looks up the rulings they name.",
        team="data-science",
        key="Notebooks",
        provider="anthropic",
        calls_a_day=7,
        tags=("documents", "legal"),
        weekend_factor=0.05,
        web_searches=2,
        versions=(VersionPlan(0, "claude-opus-4-6", "claude-opus-4-6", 14_500, 1900, max_tokens=4096),),
    ),
    # Somebody's scripts that name no prompt, and an experiment with a model that no price list knows.
    PromptPlan(
        prompt_key="",
        team="data-science",
        key="Notebooks",
        provider="openai",
        calls_a_day=15,
        weekend_factor=0.4,
        versions=(VersionPlan(0, "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 800, 250),),
    ),
    PromptPlan(
        prompt_key="tone-experiment",
        name="Tone experiment",
        team="data-science",
        key="Notebooks",
        provider="openai",
        calls_a_day=12,
        tags=("experiment",),
        weekend_factor=0.1,
        from_day=49,
        versions=(VersionPlan(49, "northwind-tone-preview", "northwind-tone-preview", 600, 300),),
    ),
)
