"""From pasted code to the result: read, rewrite in the language's way, check what came out, say what was done."""

from collections.abc import Callable, Mapping

from prompts.importer.draft import Draft
from prompts.importer.javascript.rewriting import rewrite_javascript, rewrite_typescript
from prompts.importer.outcome import MOST_CHARACTERS, Caution, Change, Language, Left, Refusal, Result, Target
from prompts.importer.python.rewriting import rewrite_python
from prompts.importer.syntax import Node, SyntaxFault, parse
from prompts.importer.text import Source

_REWRITING: Mapping[str, tuple[str, str, Callable[..., Draft]]] = {
    # (grammar, indentation where the code has none, what rewrites it)
    "python": ("python", "    ", rewrite_python),
    "javascript": ("javascript", "  ", rewrite_javascript),
    "typescript": ("typescript", "  ", rewrite_typescript),
}

_MOST_LINES = 8


def rewrite(code: str, language: Language | None, target: Target) -> Result:
    """The code with its calls to OpenAI and Anthropic going through the proxy.

    Without a language it is guessed. Raises ValueError for code longer than MOST_CHARACTERS.
    """
    if len(code) > MOST_CHARACTERS:
        raise ValueError(f"The code is longer than {MOST_CHARACTERS:,} characters.")
    language = language or "python"
    grammar, unit, rewriting = _REWRITING[language]
    source = Source(code, unit)
    try:
        grammar, root = _parse(code, grammar)
    except SyntaxFault as fault:
        return Result(language, code, refusal=Refusal(source.line(fault.at), source.column(fault.at), fault.text))
    draft = rewriting(source, root, target)
    new = draft.edits.apply(code)
    parse(new, grammar)
    return _result(language, new, draft)


def _parse(code: str, grammar: str) -> tuple[str, Node]:
    """The grammar that reads the code, and the root. TypeScript with JSX has a grammar of its own."""
    try:
        return grammar, parse(code, grammar)
    except SyntaxFault:
        if grammar != "typescript":
            raise
        try:
            return "tsx", parse(code, "tsx")
        except SyntaxFault:
            pass
        raise


def _result(language: Language, code: str, draft: Draft) -> Result:
    target = draft.target
    if len(draft.labelled_lines) > 1 and target.prompt_key:
        lines = sorted(draft.labelled_lines)
        named = ", ".join(str(line) for line in lines[:_MOST_LINES])
        more = f" and {len(lines) - _MOST_LINES} more" if len(lines) > _MOST_LINES else ""
        text = f"The calls in lines {named}{more} carry the same prompt key. Each can have its own, to be told apart."
        draft.warnings[Caution(lines[0], text)] = None
    return Result(
        language,
        code,
        tuple(sorted(draft.changes, key=_by_line)),
        tuple(sorted(draft.left, key=_by_line)),
        tuple(sorted(draft.warnings, key=_by_line)),
        tuple(draft.variables),
    )


def _by_line(sentence: Change | Left | Caution) -> int:
    return sentence.line
