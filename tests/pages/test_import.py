"""The code import through its address: what is shown of a result, what is refused, and that nothing pasted is kept."""

import html
import logging
import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from orgs.models import Organization
from prompts.importer import MOST_CHARACTERS
from tests.factories import make_organization, make_prompt, make_user
from tests.pages.error_reports import reports_of

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

URL = "https://costs.example.com"
SECRET = "the-secret-of-somebody"
CODE = f"""import sys
from openai import OpenAI

# {SECRET}
client = OpenAI()


def ask(words: str) -> str:
    answer = client.chat.completions.create(
        model="gpt-4o", messages=[{{"role": "user", "content": words + "</script><b>"}}]
    )
    return answer.choices[0].message.content


def one() -> int:
    return 1


print(ask(sys.argv[1]))
"""


@pytest.fixture
def acme(client: Client, settings: LazySettings) -> Organization:
    """Whose owner is signed in."""
    settings.PUBLIC_URL = URL
    person = make_user()
    client.force_login(person)
    return make_organization("Acme", owner=person)


def paste(client: Client, acme: Organization, code: str = CODE, *, is_part: bool = True, **typed: str) -> str:
    headers = {"HX-Request": "true", "HX-Target": "import"} if is_part else {}
    response = client.post(reverse("import", args=[acme.slug]), {"code": code} | typed, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def code_of(page: str) -> str:
    found = re.search(r'<code id="import-code">(.*?)</code>', page, re.DOTALL)
    assert found
    return html.unescape(re.sub(r"<[^>]*>", "", found[1]))


def test_the_form_asks_for_code_and_labels(client: Client, acme: Organization) -> None:
    make_prompt(acme, "summarize")
    page = client.get(reverse("import", args=[acme.slug]), {"prompt": "größe"}).content.decode()

    assert re.search(r"<textarea[^>]*name=\"code\"", page)
    assert 'value="größe"' in page
    assert '<option value="summarize">' in page
    assert "nothing of it is stored or logged" in text_of(page)
    assert "Changed" not in text_of(page)


def test_the_code_comes_back_rewritten_with_what_was_done(client: Client, acme: Organization) -> None:
    page = paste(client, acme, prompt_key="summarize", feature_tags="a, b")

    assert f"{URL}/api/proxy/v1/openai" in code_of(page)
    assert "'summarize'" in code_of(page) or '"summarize"' in code_of(page)
    assert f"# {SECRET}" in code_of(page)
    assert "2 changes in this Python code" in text_of(page)
    assert "line 5" in text_of(page)
    assert "AIPROMPTCOST_API_KEY" in text_of(page)
    assert "</script><b>" not in page
    assert 'data-copy="#import-code"' in page
    assert "<html" not in page


def test_both_texts_stand_side_by_side_with_what_did_not_change_folded(client: Client, acme: Organization) -> None:
    page = paste(client, acme)

    assert "<del>client = OpenAI()</del>" in page
    assert "<ins>client = OpenAI(</ins>" in page
    assert "lines as before" in text_of(page)
    assert "return 1" in code_of(page)
    assert page.count("return 1") == 1  # not among the lines around a change


def test_without_scripts_the_answer_is_a_page_with_the_form_again(client: Client, acme: Organization) -> None:
    page = paste(client, acme, is_part=False)

    assert "<html" in page
    assert "1 change in this Python code" in text_of(page)
    assert re.search(r'<textarea[^>]*name="code"', page)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("code", "language", "file"),
    [
        ('import OpenAI from "openai";\n\nconst client = new OpenAI();\n', "JavaScript", "rewritten.js"),
        (
            'import OpenAI from "openai";\n\nconst client: OpenAI = new OpenAI();\nlet a: string;\n',
            "TypeScript",
            "rewritten.ts",
        ),
        (
            """curl https://api.openai.com/v1/chat/completions -H "Authorization: Bearer $OPENAI_API_KEY" \\
            -H 'Content-Type: application/json' -d '{"model": "gpt-4o", "messages": []}'\n""",
            "shell",
            "rewritten.sh",
        ),
    ],
)
def test_the_language_is_told_by_the_code(
    client: Client, acme: Organization, code: str, language: str, file: str
) -> None:
    page = paste(client, acme, code)

    assert f"in this {language} code" in text_of(page)
    assert f'data-filename="{file}"' in page
    assert f"{URL}/api/proxy/v1/openai" in code_of(page)


def test_line_endings_of_browsers_are_no_change(client: Client, acme: Organization) -> None:
    page = paste(client, acme, "x = 1\r\ny = 2\r\n", language="python")

    assert "Nothing to change in this Python code" in text_of(page)
    assert "No call to OpenAI or Anthropic was found" in text_of(page)
    assert "import-code" not in page


def test_code_that_does_not_parse_is_refused_with_the_place(client: Client, acme: Organization) -> None:
    page = paste(client, acme, "from openai import OpenAI\nclient = OpenAI((\n", language="python")

    assert re.search(r"Line \d+, column \d+:", text_of(page))
    assert 'role="alert"' in page
    assert "client = OpenAI((" in html.unescape(page)  # still in the form, to be mended


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("  \n", "Paste the code that calls OpenAI or Anthropic."),
        ("x" * (MOST_CHARACTERS + 1), "This is 200,001 characters long, and at most 200,000 fit."),
        ("x\0", "There is a character in it that cannot be kept"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(client: Client, acme: Organization, code: str, words: str) -> None:
    page = paste(client, acme, code)

    assert words in text_of(page)
    assert "import-result" not in page


def test_far_more_than_fits_is_refused_before_it_is_read(client: Client, acme: Organization) -> None:
    response = client.post(reverse("import", args=[acme.slug]), {"code": "x" * 3_000_000})

    assert response.status_code == 400
    assert "It was too much at once" in text_of(response.content.decode())


@pytest.mark.slow
def test_the_limit_does_not_count_what_browsers_add(client: Client, acme: Organization) -> None:
    lines = "x\n" * (MOST_CHARACTERS // 2)

    assert "characters long" not in text_of(paste(client, acme, lines.replace("\n", "\r\n"), language="python"))


def test_labels_have_the_limits_of_the_proxy(client: Client, acme: Organization) -> None:
    page = paste(client, acme, prompt_key="unknown", version="0", language="cobol")

    assert "“unknown” stands for no prompt" in text_of(page)
    assert "Choose the language from the list." in text_of(page)
    assert "import-code" not in page


def test_it_opens_in_a_dialog_and_asks_little_of_the_database(
    client: Client, acme: Organization, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.get(reverse("import", args=[acme.slug]))
    with django_assert_max_num_queries(6):
        page = client.get(reverse("import", args=[acme.slug]), headers={"HX-Request": "true", "HX-Target": "dialog"})

    assert '<h2 id="dialog-title">Import code</h2>' in page.content.decode()


# --- What is pasted is kept nowhere -----------------------------------------------------------------------------------


def test_what_is_pasted_enters_no_log_no_session_and_no_cache(
    client: Client, acme: Organization, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        response = client.post(reverse("import", args=[acme.slug]), {"code": CODE})

    assert SECRET in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]
    assert SECRET not in caplog.text
    assert all(SECRET not in str(session.get_decoded()) for session in Session.objects.all())
    assert "messages" not in response.cookies


def test_code_that_trips_the_import_up_is_an_answer_and_its_log_names_the_place_alone(
    client: Client, acme: Organization, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(code: str, *_: Any) -> None:
        raise ValueError(f"cannot read {code}")

    monkeypatch.setattr("prompts.views.importing.rewrite_apart", trip)
    with caplog.at_level(logging.DEBUG):
        page = paste(client, acme)

    assert "This code could not be rewritten." in text_of(page)
    assert "The code import failed: ValueError in trip, test_import.py:" in caplog.text
    assert SECRET not in caplog.text


def test_a_report_of_an_error_leaves_out_what_was_pasted(
    client: Client, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no template")

    monkeypatch.setattr("prompts.views.importing.builder_facts.list_keys", fail)
    seen = reports_of(client, monkeypatch, reverse("import", args=[acme.slug]), code=CODE)

    assert "no template" in seen
    assert SECRET not in seen
