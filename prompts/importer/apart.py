"""The code import in a process of its own. A parser may take minutes or gigabytes for text made to that end; there it
can be stopped. The code goes over by standard input and is written nowhere.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prompts.importer.outcome import (
    MOST_CHARACTERS,
    Caution,
    Change,
    Language,
    Left,
    Refusal,
    Result,
    Target,
)
from prompts.importer.rewriting import rewrite

_ROOT = Path(__file__).resolve().parents[2]
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL")
_MOST_BYTES = 2 << 30


def rewrite_apart(code: str, language: Language | None, target: Target, *, seconds: int = 10) -> Result:
    """As `rewrite`, within so many seconds of the processor's time: code that takes longer is refused.

    Raises ValueError for code longer than MOST_CHARACTERS, subprocess.CalledProcessError for a defect of ours.
    """
    if len(code) > MOST_CHARACTERS:
        raise ValueError(f"The code is longer than {MOST_CHARACTERS:,} characters.")
    asked = json.dumps({"code": code, "language": language, "target": asdict(target), "seconds": seconds})
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "prompts.importer.apart"],
            input=asked.encode(),
            capture_output=True,
            cwd=_ROOT,
            env=environment,
            timeout=seconds * 3,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _too_much(code, language)
    if done.returncode < 0 or b"MemoryError" in done.stderr:
        return _too_much(code, language)
    done.check_returncode()
    return _result(json.loads(done.stdout))


def _too_much(code: str, language: Language | None) -> Result:
    text = "This code takes more time or memory to read than there is for it. Import it in smaller parts."
    return Result(language or "python", code, refusal=Refusal(1, 1, text))


def _result(answer: dict[str, Any]) -> Result:
    return Result(
        answer["language"],
        answer["code"],
        tuple(Change(**one) for one in answer["changes"]),
        tuple(Left(**one) for one in answer["left"]),
        tuple(Caution(**one) for one in answer["warnings"]),
        tuple(answer["variables"]),
        Refusal(**answer["refusal"]) if answer["refusal"] else None,
    )


def main() -> None:
    """What the process does: one question from standard input, one answer to standard output."""
    asked = json.loads(sys.stdin.buffer.read())
    _limit(asked["seconds"])
    target = {**asked["target"], "feature_tags": tuple(asked["target"]["feature_tags"])}
    result = rewrite(asked["code"], asked["language"], Target(**target))
    sys.stdout.write(json.dumps(asdict(result)))


def _limit(seconds: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
