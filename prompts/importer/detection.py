"""Which language pasted code is in: by the look of its lines, and in doubt by which grammar reads it."""

import re

from prompts.importer.outcome import Language
from prompts.importer.syntax import SyntaxFault, parse

_SIGNS: tuple[tuple[Language, re.Pattern[str]], ...] = (
    (
        "bash",
        re.compile(r"(?:^|[\s(|;&`])curl\s+[-\x22\x27$h\\]|^#!.*\b(?:ba|z|da)?sh\b|^\s*export\s+\w+=", re.MULTILINE),
    ),
    (
        "python",
        re.compile(
            r"^(?:from\s+[\w.]+\s+import\b|import\s+[\w.]+(?:\s+as\s+\w+)?(?:\s*,.*)?\s*(?:#.*)?$)"
            r"|^\s*(?:async\s+)?(?:def|class)\s+\w+.*:\s*(?:#.*)?$|^\s*(?:if|for|while|with|elif)\s.*:\s*$|^#!.*python"
            r"|\b(?:None|True|False)\b|\bf\"",
            re.MULTILINE,
        ),
    ),
    (
        "typescript",
        re.compile(
            r"^\s*(?:export\s+)?(?:interface|enum|declare|abstract\s+class)\s+\w+|^\s*(?:export\s+)?type\s+\w+.*="
            r"|^\s*import\s+type\s|\bas\s+(?:const|any|unknown|string)\b|\bsatisfies\s+\w|\w+!\s*[,;)}\]]"
            r"|[({;,]\s*\w+\??:\s*(?:(?:string|number|boolean|any|unknown)\b|(?:Promise|Record|Array|Partial)<)"
            r"|[(,][ \t]*\w+\??:\s*[A-Z]\w*(?:\[\])?\)\s*(?:=>|:|\{)|\w<(?:string|number|boolean|any)\b"
            r"|\)\s*:\s*(?:Promise<|string|void|number)|(?:const|let)\s+\w+\s*:\s*\w",
            re.MULTILINE,
        ),
    ),
    (
        "javascript",
        re.compile(
            r"^\s*(?:export\s+)?(?:const|let|var|async\s+function|function)\s|^\s*import\b.*\bfrom\s+[\"']|\brequire\("
            r"|=>|\bnew\s+\w+\(|;\s*$|^\s*//",
            re.MULTILINE,
        ),
    ),
)
_IN_DOUBT: tuple[Language, ...] = ("python", "javascript", "typescript", "bash")
_MOST_SIGNS = 2_000


def detect(code: str) -> Language:
    """The most likely language; where several are as likely, one whose grammar reads the code."""
    scores = {language: _score(pattern, code) for language, pattern in _SIGNS}
    if scores["typescript"] and scores["javascript"]:
        # TypeScript is JavaScript with more in it.
        scores["typescript"] += scores["javascript"]
    ordered = sorted(_IN_DOUBT, key=lambda language: -scores[language])
    likely = [language for language in ordered if scores[language]]
    return next((language for language in likely or ordered if is_read(code, language)), ordered[0])


def looks_like(code: str, language: Language) -> bool:
    """Whether something in the code speaks for the language, and its grammar reads the code."""
    return any(one == language and _score(pattern, code) for one, pattern in _SIGNS) and is_read(code, language)


def _score(pattern: re.Pattern[str], code: str) -> int:
    count = 0
    for _ in pattern.finditer(code):
        count += 1
        if count >= _MOST_SIGNS:
            break
    return count


def is_read(code: str, language: Language) -> bool:
    """Whether the language's grammar reads the code without errors."""
    grammars = ("typescript", "tsx") if language == "typescript" else (language,)
    for grammar in grammars:
        try:
            parse(code, grammar)
        except SyntaxFault:
            continue
        return True
    return False
