"""Make .venv complete for a level of the lock: run, demo or develop. Needs nothing but Python's standard library.

`.venv/complete` is written last and says for which level, lock, Python and place the environment was finished. An
environment without it, or whose notes no longer hold, is made anew; one of a lower level is added to.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

LEVELS = ("run", "demo", "develop")
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "complete"


def lock_file(level: str) -> Path:
    return ROOT / "requirements" / f"{level}.txt"


def notes_for(level: str) -> str:
    lock = hashlib.sha256(lock_file(level).read_bytes()).hexdigest()
    version = ".".join(map(str, sys.version_info[:3]))
    return f"level {level}\nlock {lock}\npython {version} {sys.base_prefix}\nplace {VENV}\n"


def find_complete_level() -> str | None:
    """The level that .venv is complete for under this Python, or None when it must be made anew."""
    try:
        notes = STAMP.read_text()
    except OSError:
        return None
    return next((level for level in LEVELS if notes == notes_for(level)), None)


def run(*command: str | Path) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # Settings of these names would lead pip, or the Python inside, to another place than .venv.
    for name in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PYTHONHOME", "PYTHONPATH"):
        environment.pop(name, None)
    subprocess.run([str(part) for part in command], check=True, env=environment, cwd=ROOT)


def base_python() -> str:
    """The Python outside any environment: .venv may be about to be deleted under our feet."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def install(level: str) -> None:
    if find_complete_level() is None:
        print(f"==> Making .venv with Python {sys.version.split()[0]}", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        run(base_python(), "-m", "venv", VENV)
    STAMP.unlink(missing_ok=True)
    print(f"==> Installing the locked packages of requirements/{level}.txt (this takes a minute)", flush=True)
    run(VENV / "bin" / "python", "-m", "pip", "install", "--require-hashes", "-r", lock_file(level).relative_to(ROOT))
    STAMP.write_text(notes_for(level))
    print("==> .venv is complete", flush=True)


def main() -> int:
    level = sys.argv[1]
    complete = find_complete_level()
    if complete and LEVELS.index(complete) >= LEVELS.index(level):
        return 0
    try:
        (ROOT / "var").mkdir(exist_ok=True)
        with (ROOT / "var" / "environment.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Two makes at once: the second waits and finds the work done.
            complete = find_complete_level()
            if not complete or LEVELS.index(complete) < LEVELS.index(level):
                install(level)
    except subprocess.CalledProcessError as failure:
        print(f"Setting up .venv failed (exit code {failure.returncode}); the lines above say why.", file=sys.stderr)
        return 1
    except OSError as failure:
        print(f"Setting up .venv in {ROOT} failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
