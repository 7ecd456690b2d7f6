"""From pasted code to the result: read, rewrite in the language's way, check what came out, say what was done."""

from collections.abc import Callable, Mapping

from prompts.importer.detection import detect, looks_like
from prompts.importer.javascript.rewriting import rewrite_javascript, rewrite_typescript
from prompts.importer.notes import Notes
from prompts.importer.outcome import MOST_CHARACTERS, Caution, Change, Language, Left, Refusal, Result, Target
from prompts.importer.python.rewriting import rewrite_python
from prompts.importer.shell.rewriting import rewrite_shell
from prompts.importer.syntax import SyntaxFault, Tree, has_error, parse
from prompts.importer.text import Overlap, Source

_REWRITING: Mapping[str, tuple[str, str, Callable[..., Notes]]] = {
    # (grammar, indentation where the code has none, what rewrites it)
    "python": ("python", "    ", rewrite_python),
    "javascript": ("javascript", "  ", rewrite_javascript),
    "typescript": ("typescript", "  ", rewrite_typescript),
    "bash": ("bash", "  ", rewrite_shell),
}

_NAMES = {"python": "Python", "javascript": "JavaScript", "typescript": "TypeScript", "bash": "a shell's command"}
_TAKEN_FOR_JAVASCRIPT = (
    "This was taken for JavaScript. TypeScript wants the labels written in another way: if it is that, choose it and "
    "import the code again."
)
_MOST_LINES = 8


def rewrite(code: str, language: Language | None, target: Target) -> Result:
    """The code with its calls to OpenAI and Anthropic going through the proxy.

    Without a language it is guessed. Raises ValueError for code longer than MOST_CHARACTERS.
    """
    if len(code) > MOST_CHARACTERS:
        raise ValueError(f"The code is longer than {MOST_CHARACTERS:,} characters.")
    given, language = language, language or detect(code)
    grammar, unit, rewriting = _REWRITING[language]
    source = Source(code, unit)
    try:
        grammar, tree = _parse(code, grammar)
    except SyntaxFault as fault:
        text = fault.text + (_other_language(code, given) if given else "")
        return Result(language, code, refusal=Refusal(source.line(fault.at), source.column(fault.at), text))
    notes = rewriting(source, tree, target)
    try:
        new = notes.edits.apply(code)
    except Overlap:
        new = ""
    if has_error(new, grammar) or (code and not new):
        return Result(language, code, refusal=Refusal(1, 1, "This code cannot be rewritten without breaking it."))
    if given is None and language == "javascript" and notes.labelled_lines:
        notes.warnings[Caution(1, _TAKEN_FOR_JAVASCRIPT)] = None
    return _result(language, new, notes)


def _parse(code: str, grammar: str) -> tuple[str, Tree]:
    """The grammar that reads the code, and the tree. TypeScript with JSX has a grammar of its own."""
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


def _other_language(code: str, given: Language) -> str:
    """A hint where people have chosen the wrong language."""
    likely = detect(code)
    return f" It looks like {_NAMES[likely]}." if likely != given and looks_like(code, likely) else ""


def _result(language: Language, code: str, notes: Notes) -> Result:
    target = notes.target
    if len(notes.labelled_lines) > 1 and target.prompt_key:
        lines = sorted(notes.labelled_lines)
        named = ", ".join(str(line) for line in lines[:_MOST_LINES])
        more = f" and {len(lines) - _MOST_LINES} more" if len(lines) > _MOST_LINES else ""
        text = f"The calls in lines {named}{more} carry the same prompt key. Each can have its own, to be told apart."
        notes.warnings[Caution(lines[0], text)] = None
    return Result(
        language,
        code,
        tuple(sorted(notes.changes, key=_by_line)),
        tuple(sorted(notes.left, key=_by_line)),
        tuple(sorted(notes.warnings, key=_by_line)),
        tuple(notes.variables),
    )


def _by_line(sentence: Change | Left | Caution) -> int:
    return sentence.line
