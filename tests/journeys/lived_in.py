"""An organization that has been lived in, and the places to look at in it: path by path, or by what leads there."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from playwright.sync_api import Page, expect

from analytics.usage import OtherModelUsage, TokenUsage
from tests.journeys import history, prompts_lived_in
from tests.journeys.places import Place, open_dialog, press, send
from tests.journeys.site import PASSWORD, PROVIDER_KEY, Site, Visitor
from tests.processes import wait_until

LONG_PROMPT = "services.support.conversations.summary-of-the-whole-thread-with-attachments"
LONG_TAG = "customer:the-very-long-name-of-a-customer-incorporated"


@dataclass
class LivedIn:
    """Acme Robotics with teams, keys, spend and people; and Bolts, where nothing has happened yet."""

    owner: Visitor
    member: Visitor
    home: str
    empty: str
    links: dict[str, str]

    def path(self, place: str) -> str:
        """`{home}`, `{empty}` and the names of `links` stand for paths."""
        return place.format(home=self.home, empty=self.empty, **self.links)


def open_menus(page: Page) -> None:
    """The account's beside a wide page, and the one that holds all in a narrow one."""
    page.locator(".sidebar-wide .account summary").click()
    page.locator(".sidebar-narrow").evaluate("(menu) => { menu.open = true }")


def settle(owner: Visitor, member: Visitor) -> LivedIn:
    """Everything by the site's own forms, its mails and calls through its proxy."""
    site, page = owner.site, owner.page
    owner.has_signed_up(site.new_address("olive"))
    home = owner.has_organization("Acme Robotics")
    empty = owner.submit("/app/new/", name="Bolts", timezone="UTC")
    links = {"team": owner.submit(f"{home}teams/new/", name="Search and recommendations")}
    owner.submit(f"{home}teams/new/", name="Old experiments")
    page.goto(f"{home}teams/")
    for name in ("Default", "Old experiments"):
        links[name.split()[0].lower()] = page.get_by_role("link", name=name).get_attribute("href") or ""
    owner.submit(f"{links['old']}archive/")
    gone = owner.submit("/app/new/", name="Nuts", timezone="UTC")
    links["gone"] = owner.submit(f"{gone}settings/delete/", typed="Nuts")
    keys = _make_keys(owner, home, links)
    links |= _spend_in_all_ways(site, home, keys[1])
    links |= prompts_lived_in.settle(owner, home)
    owner.submit(f"{home}settings/budget/", amount="250")
    _invite(owner, member, home, links)
    return LivedIn(owner, member, home, empty, links)


def _make_keys(owner: Visitor, home: str, links: dict[str, str]) -> list[str]:
    site, page = owner.site, owner.page
    keys = []
    for description in ("Checkout, production", "Nightly summaries of all support conversations", "Old"):
        page.goto(f"{home}keys/new/")
        page.get_by_label("Team").select_option("Default")
        page.get_by_label("Description").fill(description)
        page.get_by_role("button", name="Create key").click()
        page.wait_for_load_state()
        keys.append(page.locator("#new-key-text").inner_text())
        for prompt in ("greeting", "summary-of-support-conversations", "search.rerank"):
            assert site.call(keys[-1], prompt=prompt).status_code == 200
    page.goto(f"{home}keys/")
    revoke = [link.get_attribute("href") or "" for link in page.get_by_role("link", name="Revoke").all()]
    owner.submit(revoke[0])
    links["revoke"] = revoke[1]
    wait_until(lambda: "greeting" in _text(owner, f"{home}prompts/"), "the calls are posted")
    return keys


def _spend_in_all_ways(site: Site, home: str, key: str) -> dict[str, str]:
    """A year of it, with one call of each kind; returns where the receipts of those are."""
    call, now = history.first_call(site, key), datetime.now(UTC)
    advice = OtherModelUsage(model="claude-opus-4-6", input=500, output=100)
    anthropic = {"provider": "anthropic", "route": "messages", "model": "claude-sonnet-4-6", "streamed": True}
    tokens = TokenUsage(
        input=1500, cache_read=2000, cache_write_5m=400, output=700, web_searches=2, other_models=(advice,)
    )
    nothing = {"usage": TokenUsage(), "usage_source": "none", "finish_reason": "", "provider_request_id": ""}
    groups = [
        OtherModelUsage(model="claude-sonnet-4-6", input=tokens, output=100, longest_prompt=tokens)
        for tokens in (1000, 300_000)
    ]
    batch = TokenUsage(input=301_000, output=200, service_tier="batch", other_models=tuple(groups))
    kinds: dict[str, dict[str, Any]] = {
        "priced": {**anthropic, "usage": tokens, "first_token_ms": 900, "tags": ("legal", LONG_TAG)},
        "unpriced": {"model": "acme-private-model-70b-instruct-of-the-third-generation"},
        "estimated": {**anthropic, "usage_source": "estimated", "error_code": "client_disconnected"},
        "simulated": {"state": "simulated"},
        "interrupted": {"state": "interrupted", "error_code": "interrupted", "status": 0, **nothing},
        "repriced": {"version": 2},
        "pending": {"route": "responses", "state": "pending", "object_id": "resp_" + "68b5b7f1c3a8819a" * 3, **nothing},
        "batch": {**anthropic, "route": "messages/batches", "object_id": "msgbatch_1", "usage": batch},
        "search": {"usage": TokenUsage(input=1200, output=300, web_searches=1, file_searches=3)},
        "recording": {"model": "whisper-1", "route": "audio/transcriptions", "usage": TokenUsage(audio_ms=90_500)},
        "free": {"method": "GET", "route": "responses/{id}", "metering": "free", "model": "", **nothing},
    }
    calls = {
        name: history.at(call, now - timedelta(days=2, hours=n), **new) for n, (name, new) in enumerate(kinds.items())
    }
    year = [
        history.at(call, now - timedelta(days=day), prompt_key=f"{LONG_PROMPT}-{day // 30}", version=1 + day // 60 % 2)
        for day in range(1, 390, 5)
    ]
    history.post(site, [*calls.values(), *year])
    history.price_again(site, calls["repriced"])
    return {f"receipt_{name}": f"{home}requests/{UUID(one.id)}/" for name, one in calls.items()}


def _invite(owner: Visitor, member: Visitor, home: str, links: dict[str, str]) -> None:
    site = owner.site
    address = site.new_address("morgan")
    owner.submit(f"{home}organization/invite/", email=address, role="member")
    member.has_signed_up(address)
    member.page.goto(site.link_mailed_to(address, "/invitations/"))
    member.page.get_by_role("button", name="Join").click()
    expect(member.page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
    links["left"] = site.link_mailed_to(address, "/invitations/")
    for name in ("a-colleague-with-a-rather-long-name", "bob"):
        owner.submit(f"{home}organization/invite/", email=f"{name}@example.com", role="member")
    links["invitation"] = site.link_mailed_to("bob@example.com", "/invitations/")


def _text(visitor: Visitor, path: str) -> str:
    return visitor.context.request.get(path).text()


def send_test_prompt(page: Page) -> None:
    key_field = page.get_by_label("Your AI Prompt Cost key")
    if key_field.is_visible():  # no key in this tab
        page.goto(page.url.replace("/prompt/", "/key/"))
        page.get_by_role("button", name="Create key").click()
        page.get_by_role("link", name="Go on: send a test prompt").click()
    page.get_by_label(re.compile("Your OpenAI key")).fill(PROVIDER_KEY)
    page.get_by_role("button", name="Send to OpenAI").click()
    expect(page.get_by_role("rowheader", name="Total")).to_be_visible()


def leave_out_the_provider_key(page: Page) -> None:
    press("Send to OpenAI")(page)
    expect(page.get_by_text("Enter your OpenAI key, or simulate")).to_be_visible()


def prove(page: Page) -> None:
    """Where the password is asked for again."""
    if "/reauthenticate/" in page.url:
        page.get_by_label("Your password").fill(PASSWORD)
        page.locator("main").get_by_role("button").first.click()
        page.wait_for_url(lambda url: "/reauthenticate/" not in url)


DOCS = ("getting-started", "openai", "errors", "accounting", "api", "api-reference", "organization", "stored-data")

SIGNED_OUT = [
    Place("front-page", "/", "visitor"),
    *(Place(f"docs-{page}", f"/docs/{page}/", "visitor") for page in DOCS),
    Place("sign-in", "/accounts/login/", "visitor"),
    Place(
        "sign-in-wrong",
        "/accounts/login/",
        "visitor",
        send({"E-mail address": "nobody@example.com", "Password": "wrong"}),
    ),
    Place("sign-up", "/accounts/signup/", "visitor"),
    Place(
        "sign-up-wrong",
        "/accounts/signup/",
        "visitor",
        send({"E-mail address": "ada@example.com", "Password": "12345678"}),
    ),
    Place("password-reset", "/accounts/password/reset/", "visitor"),
    Place(
        "password-reset-sent", "/accounts/password/reset/", "visitor", send({"E-mail address": "nobody@example.com"})
    ),
    Place("password-reset-link-bad", "/accounts/password/reset/key/1-bad/", "visitor"),
    Place("password-reset-done", "/accounts/password/reset/key/done/", "visitor"),
    Place("confirmation-bad", "/accounts/confirm-email/bad/", "visitor"),
    Place("confirmation-sent", "/accounts/confirm-email/", "visitor"),
    Place("locked", "/accounts/inactive/", "visitor"),
    Place("sign-in-elsewhere-cancelled", "/accounts/3rdparty/login/cancelled/", "visitor"),
    Place("sign-in-elsewhere-failed", "/accounts/3rdparty/login/error/", "visitor"),
    Place("invitation", "{invitation}", "visitor"),
    Place("invitation-used", "{left}", "visitor"),
    Place("invitation-unknown", "/invitations/nothing/", "visitor"),
    Place("not-found", "/nowhere/", "visitor"),
    Place("admin-sign-in", "/admin/login/", "visitor"),
]

OF_THE_ORGANIZATION = [
    Place("dashboard", "{home}"),
    Place("dashboard-menu", "{home}", lead=open_menus),
    Place("dashboard-empty", "{empty}"),
    Place("keys", "{home}keys/"),
    Place("keys-empty", "{empty}keys/"),
    Place("key-new", "{home}keys/new/"),
    Place("key-new-wrong", "{home}keys/new/", lead=press("Create key")),
    Place("key-shown", "{empty}keys/new/", lead=send({"Description": "Checkout"})),
    Place("key-revoke", "{revoke}"),
    Place("key-revoke-dialog", "{home}keys/", lead=open_dialog("^Revoke")),
    Place("teams", "{home}teams/"),
    Place("teams-empty", "{empty}teams/"),
    Place("team", "{default}"),
    Place("team-empty", "{team}"),
    Place("team-archived", "{old}"),
    Place("team-new", "{home}teams/new/"),
    Place("team-new-wrong", "{home}teams/new/", lead=send({"Team name": "default"})),
    Place("team-rename", "{team}rename/"),
    Place("team-archive", "{team}archive/"),
    Place("team-archive-refused", "{default}archive/"),
    Place("members", "{home}organization/"),
    Place("members-as-member", "{home}organization/", "member"),
    Place("member-remove-dialog", "{home}organization/", lead=open_dialog("^Remove")),
    Place("leave", "{home}organization/leave/"),
    Place("invitation-revoke-dialog", "{home}organization/", lead=open_dialog("^Revoke")),
    Place("invitation-of-somebody-else", "{invitation}"),
    Place("settings", "{home}settings/"),
    Place("settings-as-member", "{home}settings/", "member"),
    Place("audit", "{home}audit/"),
    Place("audit-filtered", "{home}audit/?text=nothing-like-this"),
    Place("organization-delete", "{home}settings/delete/"),
    Place("organization-deleted", "{gone}"),
    Place("forbidden", "{home}audit/", "member"),
]


def open_filters(page: Page) -> None:
    page.locator("#filter-more > summary").click()
    expect(page.locator("#filter-team")).to_be_visible()


def open_figures(page: Page) -> None:
    page.get_by_text("Figures as a table").click()


def days_ago(count: int) -> str:
    return (datetime.now(UTC) - timedelta(days=count)).date().isoformat()


_KINDS = (
    *("priced", "unpriced", "estimated", "simulated", "interrupted", "repriced"),
    *("pending", "batch", "search", "recording", "free"),
)
OF_THE_SPEND = [
    Place("dashboard-today", "{home}?range=today&by=model", lead=open_figures),
    Place("dashboard-90-days", "{home}?range=90d&by=provider"),
    Place("dashboard-13-months", f"{{home}}?start={days_ago(394)}&end={days_ago(0)}&by=model"),
    Place("dashboard-filtered", "{home}?range=90d&provider=anthropic&model=claude-sonnet-4-6&tag=" + LONG_TAG),
    Place("dashboard-filters", "{home}?range=7d", lead=open_filters),
    Place("dashboard-searched", f"{{home}}?start={days_ago(394)}&end={days_ago(0)}&all=prompts&find.prompts=support"),
    Place("dashboard-nothing", "{home}?start=2020-01-01&end=2020-01-31"),
    Place("dashboard-wrong", "{home}?start=soon&team=x"),
    Place("dashboard-as-member", "{home}", "member"),
    Place("requests", "{home}requests/?range=90d"),
    Place("requests-nothing", "{home}requests/?tag=nobody&flag=unpriced"),
    Place("requests-empty", "{empty}requests/"),
    *(Place(f"receipt-{kind}", f"{{receipt_{kind}}}") for kind in _KINDS),
    Place("requests-free", "{home}requests/?range=90d&flag=free"),
    Place("versions", "{home}versions/?prompt=greeting&range=90d"),
    Place("versions-many", f"{{home}}versions/?prompt={LONG_PROMPT}-1&start={days_ago(394)}&end={days_ago(0)}"),
    Place("versions-dialog", "{home}?range=90d", lead=open_dialog("^greeting$")),
    Place("versions-nothing", "{home}versions/?prompt=greeting&range=last-month"),
    Place("versions-choose", "{home}versions/"),
]

OF_THE_PERSON = [
    Place("organization-new", "/app/new/"),
    Place("docs-signed-in", "/docs/"),
    Place("welcome", "/onboarding/welcome/"),
    Place("welcome-first", "/onboarding/welcome/", "newcomer"),
    Place("onboarding-key", "{empty}onboarding/key/"),
    Place("onboarding-key-shown", "{empty}onboarding/key/", lead=press("Create key")),
    Place("onboarding-prompt", "{empty}onboarding/prompt/"),
    Place("onboarding-prompt-wrong", "{empty}onboarding/prompt/", lead=leave_out_the_provider_key),
    Place("onboarding-prompt-anthropic", "{empty}onboarding/prompt/?provider=anthropic"),
    Place("onboarding-results", "{empty}onboarding/prompt/", lead=send_test_prompt),
    Place("onboarding-code-waiting", "{empty}onboarding/code/"),
    Place("onboarding-code-arrived", "{home}onboarding/code/"),
    Place("profile", "/accounts/profile/"),
    Place("profile-saved", "/accounts/profile/", lead=send({"Name": "Olive Owner"})),
    Place("e-mail", "/accounts/email/", lead=prove),
    Place("password", "/accounts/password/change/", lead=prove),
    Place("password-wrong", "/accounts/password/change/", lead=press("Change password")),
    Place("two-factor", "/accounts/2fa/", lead=prove),
    Place("two-factor-activate", "/accounts/2fa/totp/activate/", lead=prove),
    Place("connections", "/accounts/3rdparty/", lead=prove),
    Place("sessions", "/accounts/sessions/", lead=prove),
    Place("delete-account", "/accounts/profile/delete/", "member", prove),
    Place("delete-account-not-yet", "/accounts/profile/delete/", lead=prove),
    Place("reauthenticate", "/accounts/reauthenticate/"),
    Place("sign-out", "/accounts/logout/"),
]


def newcomer(site: Site, visitor: Visitor) -> None:
    visitor.has_signed_up(site.new_address("nora"), is_confirmed=False)
