"""Files and uploads, kept in memory (API reference, "Files" and "Uploads")."""

import re
import time
from typing import Any

from tests.fake_provider.answer import Answer, Refused
from tests.fake_provider.openai.wire import binary_answer, json_answer, refuse_missing
from tests.fake_provider.routing import Call
from tests.fake_provider.store import Store, page_of

_BLOCK = 64 * 1024


def keep(store: Store, id_: str, *, filename: str, purpose: str, content: bytes) -> dict[str, Any]:
    """Put a file into the store; its object as the API shows it."""
    shown = {
        "object": "file", "id": id_, "purpose": purpose, "filename": filename, "bytes": len(content),
        "created_at": int(time.time()), "expires_at": None, "status": "processed", "status_details": None,
    }  # fmt: skip
    store.put("files", id_, (shown, content))
    return shown


def content_of(store: Store, id_: str) -> bytes:
    content: bytes = store.get("files", id_)[1]
    return content


def create_file(call: Call) -> Answer:
    form = call.form()
    purpose, file = form.text("purpose"), form.file("file")
    if not purpose:
        raise Refused(400, "Missing required parameter: 'purpose'.", param="purpose")
    id_ = call.request.token("file-", 22)
    return json_answer(call, keep(call.store, id_, filename=file.filename, purpose=purpose, content=file.content))


def list_files(call: Call) -> Answer:
    purpose = call.request.query("purpose")
    files = [shown for shown, _ in call.store.all("files") if purpose in {"", shown["purpose"]}]
    data, has_more = page_of(files, call.request.query("after"), call.limit)
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return json_answer(call, {"object": "list", "data": data, "has_more": has_more, **ends})


def get_file(call: Call) -> Answer:
    return json_answer(call, call.store.get("files", call.ids[0])[0])


def delete_file(call: Call) -> Answer:
    call.store.remove("files", call.ids[0])
    return json_answer(call, {"object": "file", "deleted": True, "id": call.ids[0]})


def file_content(call: Call) -> Answer:
    """All of it, or what `Range` asks for."""
    shown, content = call.store.get("files", call.ids[0])
    answer = binary_answer(call, blocks(content, call.scenario.content_bytes), "application/octet-stream")
    answer.headers.append(("content-disposition", f'attachment; filename="{shown["filename"]}"'))
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", call.request.header("range"))
    if asked is None:
        return answer
    first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    place = ("content-range", f"bytes {first}-{last}/{len(content)}")
    return Answer(206, [*answer.headers, place], [content[first : last + 1]])


def blocks(content: bytes, size: int = 0) -> list[bytes]:
    """The content in the pieces that are written, or `size` bytes made of it, which take no memory."""
    if not size:
        return [content[start : start + _BLOCK] for start in range(0, len(content), _BLOCK)] or [b""]
    block = (content or b"\0") * (_BLOCK // max(1, len(content)) + 1)
    full, rest = divmod(size, len(block))
    return [block] * full + [block[:rest]]


# --- Uploads: a file in parts ---


def create_upload(call: Call) -> Answer:
    body = call.json()
    refuse_missing(body, "bytes", "filename", "mime_type", "purpose")
    id_, now = call.request.token("upload_", 32), int(time.time())
    shown = {
        "id": id_, "object": "upload", "bytes": body["bytes"], "created_at": now, "filename": body["filename"],
        "purpose": body["purpose"], "status": "pending", "expires_at": now + 3600, "file": None,
    }  # fmt: skip
    call.store.put("uploads", id_, (shown, {}))
    return json_answer(call, shown)


def add_part(call: Call) -> Answer:
    _, parts = _pending(call)
    id_ = call.request.token("part_", 32)
    parts[id_] = call.form().file("data").content
    shown = {"id": id_, "object": "upload.part", "created_at": int(time.time()), "upload_id": call.ids[0]}
    return json_answer(call, shown)


def complete_upload(call: Call) -> Answer:
    shown, parts = _pending(call)
    body = call.json()
    refuse_missing(body, "part_ids")
    content = b"".join(parts[id_] for id_ in body["part_ids"])
    if len(content) != shown["bytes"]:
        message = f"The number of bytes uploaded ({len(content)}) is not that of the upload ({shown['bytes']})."
        raise Refused(400, message)
    id_ = call.request.token("file-", 22)
    file = keep(call.store, id_, filename=shown["filename"], purpose=shown["purpose"], content=content)
    shown |= {"status": "completed", "file": file}
    return json_answer(call, shown)


def cancel_upload(call: Call) -> Answer:
    shown, _ = _pending(call)
    shown["status"] = "cancelled"
    return json_answer(call, shown)


def _pending(call: Call) -> tuple[dict[str, Any], dict[str, bytes]]:
    shown, parts = call.store.get("uploads", call.ids[0])
    if shown["status"] != "pending":
        raise Refused(400, f"The upload is {shown['status']}.")
    return shown, parts
