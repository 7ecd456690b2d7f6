"""Signing in and out: the form, where it leads, what it refuses and how often."""

import pytest
from django.test import Client

from accounts.models import User
from tests.accounts.pages import LOGIN, is_signed_in, prove_again, sign_in, text_of
from tests.factories import PASSWORD, make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def ada() -> User:
    return make_user("ada@example.com")


def test_a_person_signs_in_by_e_mail_in_any_case_and_out_again(client: Client, ada: User) -> None:
    response = client.post(LOGIN, {"login": "Ada@Example.com", "password": PASSWORD})
    assert response.headers["Location"] == "/app/"
    assert is_signed_in(client)

    response = client.post("/accounts/logout/")
    assert response.headers["Location"] == "/"
    assert not is_signed_in(client)


def test_a_member_lands_in_their_organization(client: Client, ada: User) -> None:
    make_organization("Acme", owner=ada)

    sign_in(client, ada)

    assert client.get("/app/").headers["Location"] == "/app/acme/"


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_password_is_refused_without_saying_whether_the_account_exists(
    client: Client, ada: User, password: str
) -> None:
    pages = []
    for email in ("ada@example.com", "bob@example.com"):
        response = client.post(LOGIN, {"login": email, "password": password})
        assert response.status_code == 200
        pages.append(response.context["form"].errors)
    assert pages[0] == pages[1]
    assert pages[0]


def test_a_locked_account_cannot_sign_in_and_is_told_with_the_right_password_only(client: Client, ada: User) -> None:
    ada.is_active = False
    ada.save()

    assert sign_in(client, ada, password="wrong").status_code == 200
    response = sign_in(client, ada)

    assert not is_signed_in(client)
    assert "This account is locked" in client.get(response.headers["Location"]).content.decode()


def test_an_account_that_is_locked_later_is_out_with_the_next_request(client: Client, ada: User) -> None:
    sign_in(client, ada)
    ada.is_active = False
    ada.save()

    assert client.get("/accounts/profile/").headers["Location"].startswith(LOGIN)


@pytest.mark.parametrize("wanted", ["/app/new/", "/admin/", "/accounts/profile/?a=b"])
def test_a_sign_in_goes_on_to_the_wanted_page(client: Client, ada: User, wanted: str) -> None:
    assert sign_in(client, ada, next=wanted).headers["Location"] == wanted


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "https:///evil.example", "javascript:alert(1)"],
)
def test_a_sign_in_never_leads_off_this_site(client: Client, ada: User, elsewhere: str) -> None:
    assert sign_in(client, ada, next=elsewhere).headers["Location"] == "/app/"
    assert client.get(LOGIN, {"next": elsewhere}).headers["Location"] == "/app/"
    assert client.post("/accounts/logout/", {"next": elsewhere}).headers["Location"] == "/"


def test_the_way_back_goes_along_from_sign_in_to_sign_up(client: Client) -> None:
    page = client.get(LOGIN, {"next": "/app/new/"}).content.decode()

    assert "/accounts/signup/?next=%2Fapp%2Fnew%2F" in page
    assert 'name="next" value="/app/new/"' in page


def test_the_short_addresses_lead_to_the_pages_with_what_they_were_asked(client: Client, ada: User) -> None:
    assert client.get("/login/?next=/app/new/").headers["Location"] == "/accounts/login/?next=/app/new/"
    assert client.get("/signup/").headers["Location"] == "/accounts/signup/"
    assert client.get("/logout/").headers["Location"] == "/accounts/logout/"

    sign_in(client, ada)
    assert client.post("/logout/").headers["Location"] == "/"
    assert not is_signed_in(client)


def test_a_link_signs_nobody_out(client: Client, ada: User) -> None:
    sign_in(client, ada)

    assert "Sign out as ada@example.com?" in text_of(client.get("/logout/", follow=True))
    assert is_signed_in(client)


@pytest.mark.parametrize("address", [LOGIN, "/accounts/logout/", "/accounts/signup/", "/accounts/password/reset/"])
def test_a_form_without_its_token_is_refused(ada: User, address: str) -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post(address, {"login": ada.email, "password": PASSWORD}).status_code == 403


def test_guessing_a_password_ends_after_five_tries_even_with_the_right_one(client: Client, ada: User) -> None:
    for _ in range(5):
        assert "do not belong together" in sign_in(client, ada, password="wrong").content.decode()

    assert "Too many attempts" in sign_in(client, ada).content.decode()
    assert not is_signed_in(client)


def test_whoever_tries_very_many_addresses_is_stopped(client: Client) -> None:
    statuses = [client.post(LOGIN, {"login": f"p{number}@example.com"}).status_code for number in range(31)]

    assert statuses == [200] * 30 + [429]
    assert "Too many tries in a short time" in client.post(LOGIN).content.decode()


def test_staff_sign_in_where_everybody_does(client: Client) -> None:
    operator = make_user(is_staff=True, is_superuser=True)

    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2F"
    assert sign_in(client, operator, next="/admin/").headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_cookies_are_kept_from_scripts_and_other_sites(client: Client, ada: User) -> None:
    sign_in(client, ada)

    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_the_session_gets_a_new_key_with_the_sign_in(client: Client, ada: User) -> None:
    client.get(LOGIN, {"next": "/app/"})
    client.session.save()
    before = client.session.session_key

    sign_in(client, ada)

    assert client.session.session_key != before


def test_other_sessions_are_listed_and_can_be_ended(client: Client, ada: User) -> None:
    elsewhere = Client(headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"})
    sign_in(elsewhere, ada)
    sign_in(client, ada)

    assert "Firefox on Linux" in client.get("/accounts/sessions/").content.decode()
    client.post("/accounts/sessions/")

    assert elsewhere.get("/accounts/profile/").status_code == 302
    assert client.get("/accounts/profile/").status_code == 200


def test_what_touches_the_safety_of_the_account_asks_for_the_password_again(client: Client, ada: User) -> None:
    sign_in(client, ada)

    response = client.get("/accounts/profile/delete/")
    assert response.headers["Location"].startswith("/accounts/reauthenticate/")
    assert "Is it you?" in client.get(response.headers["Location"]).content.decode()
    prove_again(client)
    assert client.get("/accounts/profile/delete/").status_code == 200
