"""Properties, over programs put together at random: what comes out parses, means what it meant, and stays as it is."""

import ast
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.importer import Language, Result, rewrite
from tests.prompts.importer.cases_of_rewriting import CASES, LANGUAGES, TARGET

LABELS = {"_aipromptcost": TARGET.metadata}


# --- Programs with a client and a call, laid out in all ways ----------------------------------------------------------


def laid_out(arguments: list[str], layout: str, indentation: str, comment: str) -> str:
    """The arguments of a call, with its brackets."""
    if layout == "one line":
        return f"({', '.join(arguments)})"
    if layout == "aligned":
        return f"({f',{comment}{indentation}'.join(arguments)})" if arguments else "()"
    comma = "," if layout == "lines with a last comma" and arguments else ""
    inner = f",{comment}{indentation}".join(arguments)
    return f"({indentation}{inner}{comma}{comment}{indentation})"


LAYOUTS = ("one line", "aligned", "lines", "lines with a last comma")
KEYS = ("KEY", "get_key()", "os.environ['KEY']", "settings.KEYS[0]", "'sk-0123456789abcdefABCDEF'", "None")
OPTIONS: dict[str, tuple[str, ...]] = {
    "api_key": KEYS,
    "base_url": ("'https://api.openai.com/v1'", "f'https://api.openai.com/v1'", "None"),
    "default_headers": ("{}", "{'X-Team': 'search'}", "HEADERS", "{**HEADERS, 'X-Team': team()}"),
    "timeout": ("30", "httpx.Timeout(10, read=5)"),
    "organization": ("'org-1'",),
}
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "model": ("'gpt-4o'", "f'{family}-mini'"),
    "messages": ("[]", "[{'role': 'user', 'content': '''a\n)(b'''}]", "[*history, *more]"),
    "temperature": ("0.2", "0 if strict else 1"),
    "extra_body": ("{'seed': 7}", "{}", "None", "BODY", "BODY or {}", "{**BODY}"),
}
CLIENTS = (
    "from openai import OpenAI as Make",
    "import openai\nMake = openai.OpenAI",
    "from openai import AsyncOpenAI as Make",
)


@st.composite
def arguments(draw: st.DrawFn, kinds: dict[str, tuple[str, ...]]) -> list[str]:
    names = draw(st.lists(st.sampled_from(sorted(kinds)), unique=True))
    return [f"{name}={draw(st.sampled_from(kinds[name]))}" for name in names]


@st.composite
def programs(draw: st.DrawFn) -> str:
    unit = draw(st.sampled_from(["    ", "  ", "\t"]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    lines = []
    for kinds in (OPTIONS, ARGUMENTS):
        comment = draw(st.sampled_from(["", "  # why, (", "  # é 😀"]))
        layout = draw(st.sampled_from(LAYOUTS if not comment else LAYOUTS[2:]))
        lines.append(laid_out(draw(arguments(kinds)), layout, f"\n{unit * 2}", comment))
    made, called = lines
    start = draw(st.sampled_from(["", '"""Says."""\n', "#!/usr/bin/env python\n# é 😀\n"]))
    start += draw(st.sampled_from(["", "import os\n", "import sys\nimport re\n"])) + draw(st.sampled_from(CLIENTS))
    body = f"def run():\n{unit}client = Make{made}  # made\n{unit}return client.chat.completions.create{called}"
    return f"{start}\n\n\n{body}{draw(st.sampled_from(['', chr(10)]))}".replace("\n", newline)


def keywords(code: str, attribute: str) -> dict[str, ast.expr]:
    """The arguments of the one call of a name, or of an attribute, by their names."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    (found,) = [call for call in calls if ast.unparse(call.func).rpartition(".")[2] == attribute]
    return {keyword.arg or "**": keyword.value for keyword in found.keywords}


def same(one: ast.expr, other: ast.expr) -> bool:
    return ast.dump(one) == ast.dump(other)


@settings(max_examples=150, deadline=None)
@given(programs())
def test_a_client_and_a_call_get_what_they_need_and_keep_the_rest(code: str) -> None:
    result = rewrite(code, "python", TARGET)
    assert result.refusal is None
    before, after = keywords(code, "Make"), keywords(result.code, "Make")

    assert evaluated(after["base_url"]) == "https://costs.example/api/proxy/v1/openai"
    assert ast.unparse(after["api_key"]).endswith("environ['AIPROMPTCOST_API_KEY']")
    assert all(same(before[name], after[name]) for name in ("timeout", "organization") if name in before)
    headers = evaluated(after["default_headers"])
    assert set(headers) >= {"X-Provider-Key", *evaluated(before.get("default_headers", ast.Dict([], [])))}
    key = before.get("api_key")
    if key is not None and not isinstance(key, ast.Constant):
        assert ast.unparse(key) in ast.unparse(after["default_headers"])

    before, after = keywords(code, "create"), keywords(result.code, "create")
    assert all(same(before[name], after[name]) for name in before if name != "extra_body")
    body = evaluated(before.get("extra_body", ast.Dict([], [])))
    assert evaluated(after["extra_body"]) == body | LABELS


def evaluated(node: ast.expr) -> Any:
    """The value; the names of mappings stand for mappings with that name, other names for nothing."""

    class Anything(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            return {name: name} if name.isupper() else Nothing()

    class Nothing:
        environ: dict[str, str] = Anything()
        KEYS = ("",)

        def __call__(self) -> str:
            return ""

    found = eval(ast.unparse(node), {"__builtins__": {}}, Anything())
    return found or {}


@settings(max_examples=60, deadline=None)
@given(programs())
def test_a_second_time_changes_nothing(code: str) -> None:
    first = rewrite(code, "python", TARGET)
    second = rewrite(first.code, "python", TARGET)

    assert (second.code, second.changes) == (first.code, ())


@settings(max_examples=60, deadline=None)
@given(programs())
def test_lines_that_have_nothing_to_do_with_it_are_kept(code: str) -> None:
    after = rewrite(code, "python", TARGET).code

    for line in code.splitlines(keepends=True):
        if line.startswith(("#", '"', "import", "from", "Make")):
            assert line in after
    assert after.count("\r\n") == after.count("\n") or "\r" not in after
    assert after.endswith("\n") == code.endswith("\n")


# --- Any text ---------------------------------------------------------------------------------------------------------


def assert_sound(code: str, result: Result) -> None:
    if result.refusal is not None or not result.changes:
        return
    again = rewrite(result.code, result.language, TARGET)
    assert (again.code, again.changes, again.refusal) == (result.code, (), None)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[Language, str]:
    """A case with a piece of another one in the place of one of its own pieces."""
    case, other = draw(st.sampled_from(CASES)), draw(st.sampled_from(CASES))
    start, end = sorted(draw(st.integers(0, len(case.before))) for _ in range(2))
    first, last = sorted(draw(st.integers(0, len(other.before))) for _ in range(2))
    piece = draw(st.sampled_from(["", "\n", ",", "}", '"', other.before[first:last]]))
    return case.language, case.before[:start] + piece + case.before[end:]


@settings(max_examples=150, deadline=None)
@given(damaged())
def test_damaged_code_is_refused_or_rewritten_soundly(given: tuple[Language, str]) -> None:
    language, code = given

    assert_sound(code, rewrite(code, language, TARGET))


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(), st.text("(){}[]\"'`$\\<>|&;:,.=# \n\tac")), st.sampled_from((*LANGUAGES, None)))
def test_any_text_is_taken(code: str, language: Language | None) -> None:
    assert_sound(code, rewrite(code, language, TARGET))
