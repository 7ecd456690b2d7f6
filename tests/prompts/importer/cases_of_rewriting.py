"""The cases in `cases/`: for each a file with the code before, the code after, and what is said about it."""

from dataclasses import dataclass
from pathlib import Path

from prompts.importer import Language, Result, Target

FOLDER = Path(__file__).parent / "cases"
TARGET = Target(public_url="https://costs.example", prompt_key="greeting", feature_tags=("help",), version=2)
LANGUAGES: tuple[Language, ...] = ("python", "javascript", "typescript", "bash")


@dataclass(frozen=True, slots=True)
class Case:
    language: Language
    name: str
    before: str
    after: str
    said: str


def said(result: Result) -> str:
    """What a result says, a line each: + for changes, - for what is left, ! for warnings."""
    lines = [f"+ {one.line}: {one.text}" for one in result.changes]
    lines += [f"- {one.line}: {one.what}. {one.why}" for one in result.left]
    lines += [f"! {one.line}: {one.text}" for one in result.warnings]
    return "".join(f"{line}\n" for line in lines)


def read(path: Path, language: Language) -> Case:
    start, rest = path.read_text().split("=== after ===\n")
    after, words = rest.split("=== said ===\n")
    before = start.removeprefix("=== before ===\n")
    return Case(language, path.stem, before, before if after == "(unchanged)\n" else after, words)


CASES = [read(path, language) for language in LANGUAGES for path in sorted((FOLDER / language).glob("*.txt"))]
