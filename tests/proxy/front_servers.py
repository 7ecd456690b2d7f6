"""nginx and Caddy with the examples of `deploy/`, names, ports and certificates replaced, in front of a server."""

import contextlib
import datetime
import os
import shutil
import socket
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scripts.hermetic import ROOT
from tests.proxy.calls import Caller, Connection, Headers
from tests.servers import Server, free_port

HOST = "example.com"
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])


def find(program: str) -> str | None:
    return shutil.which(program, path=PATH)


class FrontServer(Server):
    """TLS for example.com on `port`, passed on to `behind`; `plain_port` is that of http://."""

    program = ""
    example = ""

    def __init__(self, behind: int) -> None:
        super().__init__()
        self.behind = behind
        self.port, self.plain_port = free_port(), free_port()
        self.certificate, self.key = make_certificate(self.folder)
        (self.folder / self.example).write_text(self.replaced((ROOT / "deploy" / self.example).read_text()))

    def replaced(self, text: str) -> str:
        raise NotImplementedError

    def is_ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Nginx(FrontServer):
    program, example = "nginx", "nginx.conf"

    def replaced(self, text: str) -> str:
        text = replace(text, "server 127.0.0.1:8000;", f"server 127.0.0.1:{self.behind};")
        text = replace(text, "listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;")
        text = replace(text, "listen 80;", f"listen 127.0.0.1:{self.plain_port};")
        text = replace(text, "/etc/ssl/example.com/fullchain.pem", str(self.certificate))
        return replace(text, "/etc/ssl/example.com/privkey.pem", str(self.key))

    def command(self) -> Sequence[str | Path]:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "main.conf").write_text(
            f"{user} daemon off; pid {self.folder}/pid; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {temporary} include {self.folder}/{self.example}; }}\n"
        )
        return [find(self.program) or "", "-e", "stderr", "-p", self.folder, "-c", self.folder / "main.conf"]


class Caddy(FrontServer):
    program, example = "caddy", "Caddyfile"

    def replaced(self, text: str) -> str:
        text = replace(text, "reverse_proxy 127.0.0.1:8000 {", f"reverse_proxy 127.0.0.1:{self.behind} {{")
        ours = f"admin off\n\tstorage file_system {self.folder}/storage\n\thttp_port {self.plain_port}"
        text = replace(text, "\n{\n", f"\n{{\n\t{ours}\n\thttps_port {self.port}\n")
        return replace(text, "\nexample.com {\n", f"\nexample.com {{\n\ttls {self.certificate} {self.key}\n")

    def command(self) -> Sequence[str | Path]:
        return [find(self.program) or "", "run", "--adapter", "caddyfile", "--config", self.folder / self.example]


class CallerBehind(Caller):
    """Calls https://example.com by way of a server on this machine."""

    def __init__(self, front: FrontServer, platform_key: str) -> None:
        super().__init__(front.port, platform_key)
        self._tls = ssl.create_default_context(cafile=front.certificate)
        # In 1.3 tickets follow the handshake, and a socket with something to read has no answer yet.
        self._tls.maximum_version = ssl.TLSVersion.TLSv1_2

    @contextlib.contextmanager
    def connect(self, *, receive_buffer: int = 0) -> Iterator[Connection]:
        connection = NamedConnection(self.port, receive_buffer=receive_buffer)
        connection.socket = self._tls.wrap_socket(connection.socket, server_hostname=HOST)
        with contextlib.closing(connection):
            yield connection


class NamedConnection(Connection):
    def send(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> None:
        head = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value}" for name, value in headers)]
        self.socket.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)


def replace(text: str, old: str, new: str) -> str:
    """Of what is there once: an example that changed must not pass its test by chance."""
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Files of a self-signed certificate for example.com, and of its key."""
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return certificate_file, key_file
