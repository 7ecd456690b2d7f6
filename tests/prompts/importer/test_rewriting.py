"""What holds for all languages: what is refused, how much is taken, which labels are written."""

import ast

import pytest

from prompts.importer import MOST_CHARACTERS, Language, Target, rewrite
from tests.prompts.importer.cases_of_rewriting import TARGET

URL = "https://costs.example"
TRICKY = 'a"b\'c\\d\n\\"😀 é'
CALL = 'from openai import OpenAI\n\nOpenAI().responses.create(model="m", input="a")\n'


@pytest.mark.parametrize(
    ("language", "code", "line", "column"),
    [
        ("python", "from openai import OpenAI\n\nclient = OpenAI(\n", 3, 16),
        ("python", "a = 1\nif a:\n    print(a)\nx = = 2\n", 4, 5),
        ("python", "def f(:\n    pass\n", 1, 7),
        ("python", "print('😀é', '", 1, 13),
        ("python", "%pip install openai\nimport openai\n", 1, 1),
        ("javascript", "const a = {\n  b: [1, 2,\n};\n", 2, 6),
        ("javascript", "f(1));\n", 1, 5),
        ("javascript", "let a = ;\n", 1, 7),
        ("typescript", "const a: = 1;\n", 1, 8),
        ("bash", "curl 'https://api.openai.com\n", 1, 5),
        ("python", "a = 1\nb = '\0'\n", 2, 6),
        ("python", "a = 1\nb = '\ud83d'\n", 2, 6),
    ],
)
def test_code_with_an_error_is_refused_with_its_place(language: Language, code: str, line: int, column: int) -> None:
    result = rewrite(code, language, TARGET)

    assert result.refusal is not None
    assert (result.refusal.line, result.refusal.column) == (line, column)
    assert result.code == code
    assert (result.changes, result.left, result.warnings) == ((), (), ())
    assert "openai" not in result.refusal.text  # Nothing of the code is repeated.


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("!pip install openai\nimport openai\n", "notebooks"),
        (">>> import openai\n", "prompts"),
        ("const a = {};\nawait fetch(a, { b: 1 });\n", "It looks like JavaScript"),
    ],
)
def test_a_refusal_says_what_it_may_come_from(code: str, hint: str) -> None:
    result = rewrite(code, "python", TARGET)

    assert result.refusal is not None
    assert hint in result.refusal.text


def test_code_longer_than_the_limit_is_not_looked_at() -> None:
    assert rewrite("#" * MOST_CHARACTERS, "python", TARGET).refusal is None
    with pytest.raises(ValueError, match="200,000"):
        rewrite("#" * (MOST_CHARACTERS + 1), "python", TARGET)


def test_code_that_calls_nobody_comes_back_as_it_is() -> None:
    for code in ("", "\n", "x = 1", "# nothing\n\n", "\ufeffx = 1\n"):
        result = rewrite(code, "python", TARGET)
        assert (result.code, result.changes, result.left, result.variables) == (code, (), (), ())


def test_variables_that_the_code_reads_now_are_listed() -> None:
    assert rewrite(CALL, "python", TARGET).variables == ("AIPROMPTCOST_API_KEY", "OPENAI_API_KEY")


@pytest.mark.parametrize(
    ("target", "written"),
    [
        (Target(public_url=URL, prompt_key="greeting"), {"prompt_key": "greeting"}),
        (Target(public_url=URL, feature_tags=("a", "b"), version=1), {"feature_tags": ["a", "b"], "version": 1}),
        (Target(public_url=URL, prompt_key=TRICKY), {"prompt_key": TRICKY}),
    ],
)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_labels_are_written_as_values(target: Target, written: dict[str, object], quote: str) -> None:
    code = CALL.replace('"', quote)
    tree = ast.parse(rewrite(code, "python", target).code)

    (body,) = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "extra_body"]
    assert ast.literal_eval(body) == {"_aipromptcost": written}


def test_without_labels_calls_stay_as_they_are() -> None:
    result = rewrite(CALL, "python", Target(public_url="https://costs.example/"))

    assert "https://costs.example/api/proxy/v1/openai" in result.code
    assert "_aipromptcost" not in result.code
    assert '.responses.create(model="m", input="a")' in result.code
    assert len(result.changes) == 1


def test_tags_in_headers_are_one_value() -> None:
    code = 'curl https://api.openai.com/v1/responses -H "Authorization: Bearer $K" -d @a.json\n'
    result = rewrite(code, "bash", Target(public_url="https://costs.example", feature_tags=("a b", 'c"$d')))

    assert '-H "x-aipc-tags: a b,c\\"\\$d"' in result.code


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "x = " + "(" * 3_000 + "1" + ")" * 3_000),
        ("python", "x = " + "f(" * 3_000 + ")" * 3_000),
        ("python", "x" + ".a" * 3_000 + "()" * 3_000),
        ("python", "x = " + "a or " * 3_000 + "b"),
        ("python", "from openai import OpenAI\n" + "OpenAI(api_key=" * 500 + "1" + ")" * 500),
        ("python", "from openai import OpenAI\nc = OpenAI()\n" + "c.responses.create(model=" * 500 + "1" + ")" * 500),
        (
            "python",
            "".join(f"a{at} = a{at + 1}\n" for at in range(1_000)) + "a1000 = a0\na0.responses.create(model=1)\n",
        ),
        ("javascript", "x = " + "[" * 3_000 + "]" * 3_000),
        ("javascript", "a => " * 3_000 + "1"),
        ("typescript", "x = " + "`${" * 1_000 + "1" + "}`" * 1_000),
        ("typescript", "const x = " + "<a>" * 1_000 + "</a>" * 1_000),
        ("bash", "$(" * 1_000 + "a" + ")" * 1_000),
        ("bash", 'curl https://api.openai.com/v1/x -H "Authorization: Bearer $K" -d \'' + "[" * 9_000 + "'"),
        ("bash", "cat <<E\n" * 60),
    ],
)
def test_deep_and_winding_code_is_got_through(language: Language, code: str) -> None:
    result = rewrite(code, language, TARGET)

    assert result.code == code or result.changes
    assert result.refusal is None or result.code == code
