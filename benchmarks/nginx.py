"""nginx as a fake upstream with a fixed answer, and as the plain reverse proxy that others are compared with.

Configurations are written into the server's temporary folder. A proxy for streams of language models keeps connections
to its upstream and passes on what comes at once, so ours does.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.programs import listens, steady_port
from tests.processes import Server

_COMMON = """
daemon off; master_process off; worker_processes 1; error_log stderr error; pid pid;
events {{ worker_connections 8192; }}
http {{
    access_log off; client_max_body_size 0; keepalive_requests 1000000000; tcp_nodelay on;
    client_body_buffer_size 1m;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {servers}
}}
"""
_ANSWER = """
    open_file_cache max=8;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        root .;
        error_page 405 =200 /answer;
        location / {{ return 405; }}
        location = /answer {{ internal; default_type application/json; }}
    }}
"""
_PROXY = """
    upstream provider {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
"""


def is_there() -> bool:
    return shutil.which("nginx") is not None


def version() -> str:
    said = subprocess.run(["nginx", "-v"], capture_output=True, check=True).stderr.decode()
    found = re.search(r"nginx/(\S+)", said)
    return found.group(1) if found else "of an unknown version"


class Nginx(Server):
    """One process on one port."""

    def __init__(self, port: int, servers: str) -> None:
        super().__init__()
        self.port = port
        (self.folder / "nginx.conf").write_text(_COMMON.format(servers=servers))

    def command(self) -> Sequence[str | Path]:
        return ["nginx", "-p", self.folder, "-c", "nginx.conf", "-e", "stderr"]

    def is_ready(self) -> bool:
        return listens(self.port)


def answering(port: int, body: bytes) -> Nginx:
    """The fake upstream."""
    server = Nginx(port, _ANSWER.format(port=port))
    (server.folder / "answer").write_bytes(body)
    return server


def passing_on(upstream_port: int) -> Nginx:
    """The plain reverse proxy."""
    port = steady_port()
    return Nginx(port, _PROXY.format(port=port, upstream=upstream_port))
