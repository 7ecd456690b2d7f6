"""The demo's own environment, so that no real key, database or server of the surroundings is ever touched.

Standard library only: manage.py enters it before any setting is read.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MARK = "AIPC_DEMO"
# What a program needs to run and to look right in the terminal. Everything else stays outside.
_KEPT = {
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TEMP", "TMP", "TZ", "LANG", "LANGUAGE"),
    *("TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"),
    "LD_LIBRARY_PATH",  # of a Python that was built with its own libraries
}


def clean(surroundings: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The variables for the demo and its children; everything that they keep is in `folder`."""
    kept = {name: value for name, value in surroundings.items() if name in _KEPT or name.startswith("LC_")}
    colours = {"DJANGO_COLORS": "nocolor"} if kept.get("NO_COLOR") else {}
    return (
        kept
        | colours
        | {
            MARK: "1",
            "DATA_DIR": str(folder),
            "PYTHONUNBUFFERED": "1",
            "LOG_LEVEL": "WARNING",
            # Also keeps a proxy of the operating system's settings out.
            "NO_PROXY": "*",
            # The Anthropic SDK would look for credentials in the home folder.
            "ANTHROPIC_CONFIG_DIR": str(folder / "no-credentials"),
        }
    )


def is_entered() -> bool:
    return os.environ.get(MARK) == "1"


def enter(arguments: Sequence[str]) -> None:
    """Start this program again in the clean environment, in the place of this process; does nothing inside it.

    `arguments` are the command's own, without the program.
    """
    if is_entered():
        return
    os.chdir(ROOT)
    folder = _folder_in(arguments) or ROOT / "var" / "demo"
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    os.execve(sys.executable, command, clean(os.environ, folder))  # noqa: S606


def _folder_in(arguments: Sequence[str]) -> Path | None:
    """The value of `--folder`, which the settings need before any argument is parsed."""
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--folder" and (equals or arguments[index + 1 :]):
            return Path(value if equals else arguments[index + 1]).absolute()
    return None
