"""What is measured side by side: each target started on the targets' core and ready to be called."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from benchmarks import nginx, peers
from benchmarks.machine import pinned_to
from benchmarks.metering import Metering
from benchmarks.programs import Program, create_key, manage, steady_port, uvicorn
from tests.databases import PostgreSQL, Redis
from tests.servers import ProxyServer, ServerFailed

DIRECT = "direct"
OURS = ("lean", "aiohttp")
UNMETERED = "unmetered"
STANDARD = (DIRECT, "nginx", *OURS, UNMETERED)
BESIDE = "beside"
OTHERS = ("bare", "django")
ProgramOrNginx = TypeVar("ProgramOrNginx", Program, nginx.Nginx)


@dataclass
class Target:
    name: str
    title: str
    port: int
    pid: int  # 0: costs nothing
    prefix: str = "/v1"
    headers: dict[str, str] = field(default_factory=lambda: {"authorization": "Bearer sk-bench"})
    metering: Metering | None = None
    is_ours: bool = False
    patience: float = 1.0


class UnmeteredServer(ProxyServer):
    def command(self) -> Sequence[str | Path]:
        place = ["--host", "127.0.0.1", "--port", str(self.port)]
        return [sys.executable, "-m", "benchmarks.unmetered", "serve", *place]


class OtherServer(ProxyServer):
    """Of another working tree, so that a change is compared with what was before it."""

    def __init__(self, settings: Mapping[str, str], tree: Path) -> None:
        super().__init__(settings)
        self.tree = tree
        self.starts_in = tree  # Celery puts the working directory before all that modules are looked for in

    def command(self) -> Sequence[str | Path]:
        python, _, *arguments = super().command()
        return [python, self.tree / "manage.py", *arguments]


class Lineup:
    """Opens targets one after the other; what it opens is closed with the stack."""

    def __init__(self, stack: ExitStack, folder: Path, upstream_port: int, cores: tuple[int, int]) -> None:
        self._stack = stack
        self._folder = folder
        self._upstream_port = upstream_port
        self._url = f"http://127.0.0.1:{upstream_port}"
        self._load_core, self._core = cores
        self.beside: Path | None = None  # another working tree
        self._settings: dict[str, str] = {}
        self._key = ""

    def open(self, names: Sequence[str]) -> list[Target]:
        made = []
        for name in names:
            print(f"starting {name}", flush=True)
            try:
                made.append(self._open(name))
            except ServerFailed as failure:
                if name not in peers.PEERS:
                    raise
                print(f"{name} is left out: {failure}", flush=True)
        return made

    def _open(self, name: str) -> Target:
        if name == DIRECT:
            return Target(DIRECT, "direct to the upstream", self._upstream_port, 0)
        if name == "nginx":
            proxy = self._start(nginx.passing_on(self._upstream_port))
            return Target(name, f"nginx {nginx.version()}, reverse proxy", proxy.port, proxy.pid)
        if name in {*OURS, UNMETERED, BESIDE}:
            return self._open_ours(name)
        if name == "bare":
            made = self._start(self._uvicorn("benchmarks.targets:bare"))
            return Target(name, f"bare ASGI + aiohttp {version('aiohttp')}", made.port, made.pid)
        if name == "django":
            made = self._start(self._uvicorn("benchmarks.targets:django_application", "--factory"))
            return Target(name, f"Django {version('django')} async view", made.port, made.pid)
        return self._open_peer(peers.PEERS[name])

    def _open_peer(self, peer: peers.Peer) -> Target:
        folder = peers.FOLDER / peer.name
        files = self._folder / peer.name
        files.mkdir()
        program = peer.program(folder, f"{self._url}/v1", files)
        made = self._start(program)
        title = f"{peer.title} {peer.version(folder)}"
        return Target(
            peer.name, title, made.port, made.pid, headers=peer.headers(f"{self._url}/v1"), patience=peer.patience
        )

    def _open_ours(self, name: str) -> Target:
        settings = {
            **self._servers(),
            "JOURNAL_DIR": str(self._folder / name / "journal"),
            "UPSTREAM_CLIENT": name if name in OURS else "lean",
        }
        with pinned_to(self._core):
            server = self._stack.enter_context(self._our_server(name, settings))
        titles = {UNMETERED: "the same, not metered", BESIDE: f"the same of {self.beside}"}
        title = titles.get(name, f"AI Prompt Cost, {name} client")
        headers = {"authorization": f"Bearer {self._key}", "x-provider-key": "sk-bench"}
        target = Target(name, title, server.port, server.pid, "/api/proxy/v1/openai", headers, is_ours=True)
        if name != UNMETERED:
            journal = Path(settings["JOURNAL_DIR"])
            target.metering = Metering(journal, settings["DATABASE_URL"], settings["REDIS_URL"])
            self._stack.callback(target.metering.close)
        return target

    def _our_server(self, name: str, settings: dict[str, str]) -> ProxyServer:
        if name == UNMETERED:
            return UnmeteredServer(settings)
        if name == BESIDE:
            assert self.beside is not None
            return OtherServer(settings, self.beside)
        return ProxyServer(settings)

    def _servers(self) -> dict[str, str]:
        """The settings that all of ours have in common, once PostgreSQL and Redis are there, on the load's core."""
        if not self._settings:
            with pinned_to(self._load_core):
                database, broker = self._stack.enter_context(PostgreSQL()), self._stack.enter_context(Redis())
            self._settings = {
                "DATABASE_URL": database.url,
                "REDIS_URL": broker.url,
                "PUBLIC_URL": "http://127.0.0.1",
                "SECRET_KEY": "benchmark",
                "DATA_DIR": str(self._folder),
                "OPENAI_UPSTREAM_URL": f"{self._url}/v1",
                "LOG_LEVEL": "WARNING",
            }
            manage(self._settings, "migrate")
            self._key = create_key(self._settings)
        return self._settings

    def _uvicorn(self, application: str, *options: str) -> Program:
        port = steady_port()
        return Program(uvicorn(application, port, *options), port, {"BENCH_UPSTREAM": self._url})

    def _start(self, program: ProgramOrNginx) -> ProgramOrNginx:
        with pinned_to(self._core):
            return self._stack.enter_context(program)


def chosen(names: Sequence[str]) -> list[str]:
    """The targets to open: those named, or all that are usual and there. Raises `SystemExit` for what is not."""
    known = (*STANDARD, *OTHERS, *peers.PEERS)
    there = {peer.name for peer in peers.installed()} | ({"nginx"} if nginx.is_there() else set())
    if unknown := set(names) - set(known):
        raise SystemExit(f"Unknown: {', '.join(unknown)}. The targets are {', '.join(known)}.")
    is_missing = {name for name in ("nginx", *peers.PEERS) if name not in there}
    if missing := is_missing & set(names):
        raise SystemExit(f"Not installed: {', '.join(missing)}. `make bench-peers` installs peers, your system nginx.")
    usual = [name for name in (*STANDARD, *peers.PEERS) if name not in is_missing]
    if "nginx" in is_missing:
        usual.append("bare")  # to compare with
    return list(dict.fromkeys([DIRECT, *names])) if names else usual
