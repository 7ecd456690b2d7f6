"""Pin the npm packages of tests/node and tests/node/old: versions and hashes, and neither hosts nor advertisements."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.hermetic import ROOT

FOLDERS = (ROOT / "tests" / "node", ROOT / "tests" / "node" / "old")
_FILES = ("package.json", "package-lock.json")


def lock(folder: Path, verb: str) -> None:
    """Resolve in a copy, so that what is installed does not matter."""
    with tempfile.TemporaryDirectory(prefix="aipc-lock-") as copy:
        for name in _FILES:
            if (folder / name).exists():
                shutil.copy(folder / name, copy)
        command = ["npm", verb, "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=copy, check=True)
        pinned = json.loads((Path(copy) / _FILES[1]).read_text())
    for package in pinned["packages"].values():
        package.pop("resolved", None)
        package.pop("funding", None)
    (folder / _FILES[1]).write_text(json.dumps(pinned, indent=2) + "\n")


def main() -> int:
    verb = "update" if "--upgrade" in sys.argv[1:] else "install"
    for folder in FOLDERS:
        lock(folder, verb)
    return 0


if __name__ == "__main__":
    sys.exit(main())
