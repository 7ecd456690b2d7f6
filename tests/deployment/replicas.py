"""A PostgreSQL that follows another one (streaming replication), both private to the test."""

import shutil
import subprocess

from tests.databases import PostgreSQL
from tests.processes import ServerFailed, account


class Replica(PostgreSQL):
    def __init__(self, primary: PostgreSQL) -> None:
        super().__init__()
        for made in self._data.iterdir():  # by initdb; the folder itself is the unprivileged user's
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        given = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", "aipc"]
        copied = subprocess.run(
            [self.bin / "pg_basebackup", *given, "-D", self._data, "--write-recovery-conf", "--checkpoint=fast"],
            env={**self.environment(), "PGPASSWORD": primary.password},
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
            **account(),
        )
        if copied.returncode:
            raise ServerFailed(f"pg_basebackup failed:\n{copied.stderr}")
        self.password = primary.password

    def is_ready(self) -> bool:
        return "ready to accept read-only connections" in self.new_output
