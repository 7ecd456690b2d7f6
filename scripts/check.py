"""What `make check` runs: lint, format, types, import rules, migrations, their locks, Django's deployment check."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.hermetic import ROOT, environment

PYTHON = sys.executable
MANAGE = [PYTHON, "manage.py"]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="aipc-check-") as folder:
        trial = {**environment(), "DATA_DIR": folder}
        # What an operator must set, as for https://example.com. Nothing is connected to.
        production = {
            **trial,
            "DATABASE_URL": "postgresql://check@127.0.0.1:9/check",
            "REDIS_URL": "redis://127.0.0.1:9/0",
            "PUBLIC_URL": "https://example.com",
            "SECRET_KEY": "".join(f"{number:x}-check-" for number in range(16)),
        }
        steps: list[tuple[str, list[str], dict[str, str]]] = [
            ("lint", [PYTHON, "-m", "ruff", "check", "."], trial),
            ("format", [PYTHON, "-m", "ruff", "format", "--check", "."], trial),
            ("types", [PYTHON, "-m", "mypy", "."], trial),
            ("import rules", [str(Path(PYTHON).parent / "lint-imports")], trial),
            ("migrations", [*MANAGE, "makemigrations", "--check", "--dry-run"], trial),
            ("locks of migrations", [PYTHON, "-m", "scripts.migration_locks"], production),
            ("deployment", [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"], production),
            ("settings", [PYTHON, "-m", "pytest", "-q", "-k", "env_example", "tests/test_repository.py"], trial),
        ]
        failed = [name for name, command, variables in steps if not passes(name, command, variables)]
    print(f"==> Failed: {', '.join(failed)}" if failed else "==> All checks passed")
    return 1 if failed else 0


def passes(name: str, command: list[str], variables: dict[str, str]) -> bool:
    print(f"==> {name}: {' '.join([Path(command[0]).name, *command[1:]])}", flush=True)
    started = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode
    print(f"    {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - started:.1f} s", flush=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
