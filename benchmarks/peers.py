"""Other gateways, where they are installed: how each is installed, started and pointed at the fake upstream.

    python -m benchmarks.peers          # install them all into var/benchmarks; `make bench-peers` does it
    python -m benchmarks.peers ferrogw  # or one

Each runs with what it does by default for a call, without its database and its logs.
"""

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.programs import Program, steady_port, version_of
from scripts.hermetic import ROOT

FOLDER = ROOT / "var" / "benchmarks"
_LITELLM_KEY = f"sk-{secrets.token_hex(32)}"  # it checks a key, and refuses to start without a good one
_FERROGW_CONFIG = "strategy:\n  mode: fallback\ntargets:\n  - virtual_key: openai\n"


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    install: Callable[[Path], None]
    program: Callable[[Path, str, Path], Program]  # its folder, the upstream's address up to /v1, a folder for files
    is_there: Callable[[Path], bool]
    version: Callable[[Path], str]
    headers: Callable[[str], dict[str, str]] = field(default=lambda url: {"authorization": "Bearer sk-bench"})
    patience: float = 1.0  # how much longer it is loaded than others, as it does fewer calls


def _pip(package: str) -> Callable[[Path], None]:
    def install(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "-U", package], check=True)

    return install


def _npm(package: str) -> Callable[[Path], None]:
    def install(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        line = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), package]
        subprocess.run(line, check=True)

    return install


def _ferrogw(folder: Path, url: str, files: Path) -> Program:
    config = files / "ferrogw.yaml"
    config.write_text(_FERROGW_CONFIG)
    port = steady_port()
    variables = {
        "PORT": str(port),
        "GATEWAY_CONFIG": str(config),
        "OPENAI_API_KEY": "sk-bench",
        "OPENAI_BASE_URL": url,
        "ALLOW_UNAUTHENTICATED_PROXY": "true",
        "FERRO_MODEL_CATALOG_URL": "http://127.0.0.1:9",  # the list of models that it was built with
        "LOG_LEVEL": "error",
        "RATE_LIMIT_RPS": "10000000",  # of one client; fifty otherwise
        "RATE_LIMIT_BURST": "10000000",
    }
    return Program([folder / "bin" / "ferrogw", "serve"], port, variables)


def _portkey(folder: Path, url: str, files: Path) -> Program:
    port = steady_port()
    script = _portkey_package(folder) / "build" / "start-server.js"
    line: list[str | Path] = ["node", script, f"--port={port}", "--headless"]
    return Program(line, port, {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "localhost,127.0.0.1"})


def _portkey_package(folder: Path) -> Path:
    return folder / "node_modules" / "@portkey-ai" / "gateway"


def _litellm(folder: Path, url: str, files: Path) -> Program:
    models = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": url, "api_key": "sk-bench"}}
        for name in ("gpt-4o", "text-embedding-3-small")
    ]
    config = files / "litellm.yaml"  # YAML reads JSON
    config.write_text(json.dumps({"model_list": models, "litellm_settings": {"set_verbose": False}}))
    port = steady_port()
    line: list[str | Path] = [
        folder / "bin" / "litellm",
        "--config",
        config,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    variables = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # the list of prices that came with it
        "LITELLM_MASTER_KEY": _LITELLM_KEY,
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "NO_DOCS": "True",
    }
    return Program([*line, "--num_workers", "1", "--telemetry", "False"], port, variables)


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "ferrogw",
            "ferrogw",
            _pip("ferrogw"),
            _ferrogw,
            lambda folder: (folder / "bin" / "ferrogw").exists(),
            lambda folder: version_of(folder / "bin" / "python", "ferrogw"),
        ),
        Peer(
            "portkey",
            "Portkey gateway",
            _npm("@portkey-ai/gateway"),
            _portkey,
            lambda folder: _portkey_package(folder).exists() and shutil.which("node") is not None,
            lambda folder: str(json.loads((_portkey_package(folder) / "package.json").read_text())["version"]),
            lambda url: {
                "authorization": "Bearer sk-bench",
                "x-portkey-provider": "openai",
                "x-portkey-custom-host": url,
            },
            patience=1.5,
        ),
        Peer(
            "litellm",
            "LiteLLM proxy",
            _pip("litellm[proxy]"),
            _litellm,
            lambda folder: (folder / "bin" / "litellm").exists(),
            lambda folder: version_of(folder / "bin" / "python", "litellm"),
            lambda url: {"authorization": f"Bearer {_LITELLM_KEY}"},
            patience=3,
        ),
    )
}


def installed() -> list[Peer]:
    return [peer for peer in PEERS.values() if peer.is_there(FOLDER / peer.name)]


def main(names: list[str]) -> None:
    for name in names or list(PEERS):
        peer = PEERS[name]
        print(f"{peer.title} into {FOLDER / name}", flush=True)
        try:
            peer.install(FOLDER / name)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{peer.title} could not be installed: {error}")
            continue
        print(f"{peer.title} {peer.version(FOLDER / name)}")


if __name__ == "__main__":
    main(sys.argv[1:])
