"""What is large passes through the proxy in pieces: its memory is watched while a hundred megabytes go each way."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fake_provider import FakeProvider, Scenario
from tests.proxy.calls import Caller
from tests.proxy.conftest import is_shipped
from tests.proxy.forms import CONTENT_TYPE, form
from tests.proxy.records import Records
from tests.servers import ProxyServer, wait_until

MEGABYTE = 1_000_000
NOISE = 30 * MEGABYTE  # what a young process loads besides; a body kept is more
Growth = Callable[[], int]


@pytest.fixture
def growth(server: ProxyServer, proxy: Caller, provider: FakeProvider, journal_folder: Path) -> Growth:
    """By how many bytes the proxy's memory has ever been larger than now, after a first call and its posting."""
    proxy.call("GET", "openai/models")
    provider.reset()
    wait_until(lambda: is_shipped(journal_folder), "the first call is posted, with all that this loads")
    process = server.process
    assert process is not None
    folder = Path("/proc", str(process.pid))
    if not folder.exists():
        pytest.skip("the memory of another process is read from /proc, which this system does not have")

    def status(name: str) -> int:
        line = next(line for line in (folder / "status").read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) * 1024

    (folder / "clear_refs").write_text("5")  # VmHWM begins anew (proc_pid_clear_refs(5))
    before = status("VmRSS")
    return lambda: status("VmHWM") - before


def test_a_download_of_a_hundred_megabytes_takes_no_memory(
    proxy: Caller, provider: FakeProvider, records: Records, growth: Growth
) -> None:
    file_id = proxy.post("openai/files", form({"purpose": "user_data"}, b"\x00\xff"), {"content-type": CONTENT_TYPE})
    provider.script(Scenario(content_bytes=100 * MEGABYTE))
    length, digest = 0, hashlib.sha256()
    with proxy.opened("GET", f"openai/files/{file_id.json()['id']}/content") as answer:
        assert answer.getheader("content-length") == str(100 * MEGABYTE)
        while part := answer.read1(1 << 20):
            length += len(part)
            digest.update(part)
    assert (length, digest.digest()) == (100 * MEGABYTE, hashlib.sha256(b"\x00\xff" * 50 * MEGABYTE).digest())
    assert growth() < NOISE
    assert records.of(str(answer.getheader("x-aipc-request-id"))).metering == "free"


def test_results_of_a_batch_take_no_memory_but_for_a_line(
    proxy: Caller, provider: FakeProvider, records: Records, growth: Growth
) -> None:
    line = b'{"custom_id": "a", "response": {"status_code": 200, "body": {"model": "gpt-4o", "x": "%b", "usage": '
    line = line % (b"x" * MEGABYTE) + b'{"prompt_tokens": 10, "completion_tokens": 1}}}}\n'
    file_id = proxy.post("openai/files", form({"purpose": "batch"}, line), {"content-type": CONTENT_TYPE})
    count = 40
    provider.script(Scenario(content_bytes=count * len(line)))
    with proxy.opened("GET", f"openai/files/{file_id.json()['id']}/content") as answer:
        while answer.read1(1 << 20):
            pass
    completion = records.of(str(answer.getheader("x-aipc-request-id"))).completion
    assert completion is not None
    assert (completion.usage.input, completion.usage.output) == (10 * count, count)
    assert growth() < NOISE


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_upload_of_sixty_megabytes_takes_no_memory(
    proxy: Caller, provider: FakeProvider, records: Records, growth: Growth, is_chunked: bool
) -> None:
    head, tail = form({"model": "whisper-1"}, b"\r\n--@").split(b"@")
    block = b"--a9f0c\r\n\x00\xff" * 100_000
    count = 60 * MEGABYTE // len(block)
    length = len(head) + count * len(block) + len(tail)
    framing = (
        {"content-length": None, "transfer-encoding": "chunked"} if is_chunked else {"content-length": str(length)}
    )
    with proxy.connect() as connection:
        headers = proxy.headers("openai", framing | {"content-type": CONTENT_TYPE}, b"")
        connection.send("POST", proxy.target("openai/audio/transcriptions"), headers)
        for part in (head, *[block] * count, tail):
            connection.socket.sendall(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
        connection.socket.sendall(b"0\r\n\r\n" if is_chunked else b"")
        reply = connection.reply()
    assert reply.status == 200
    assert growth() < NOISE
    (seen,) = provider.log
    assert hashlib.sha256(seen.body).digest() == hashlib.sha256(head + block * count + tail).digest()
    assert seen.header("content-length") == ("" if is_chunked else str(length))
    record = records.of(reply.call_id)
    assert (record.model_requested, record.metering, record.usage.audio_ms > 0) == ("whisper-1", "metered", True)
