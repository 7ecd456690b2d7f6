"""Batches: a file of requests in, files of answers out (API reference, "Batch")."""

import json
import time
from collections.abc import Callable
from typing import Any

from tests.fake_provider.answer import Answer, Refused, Request, compact
from tests.fake_provider.openai import chat, files, responses, small
from tests.fake_provider.openai.wire import json_answer, refuse_missing
from tests.fake_provider.routing import Call
from tests.fake_provider.scenario import NAMED, Scenario
from tests.fake_provider.store import Used, Work, page_of

_ENDPOINTS: dict[str, Callable[[Call], Answer]] = {
    "chat/completions": chat.chat,
    "completions": chat.completions,
    "embeddings": small.embeddings,
    "moderations": small.moderations,
    "responses": responses.create,
}


class Batch(Work):
    def __init__(self, call: Call, body: dict[str, Any]) -> None:
        super().__init__(call.scenario)
        self.id, self.body, self.call = call.request.token("batch_", 32), body, call
        self.route = body["endpoint"].removeprefix("/v1/")
        self.lines = [json.loads(line) for line in files.content_of(call.store, body["input_file_id"]).splitlines()]
        self.created_at = int(time.time())
        self.files: dict[str, str | None] = {"output_file_id": None, "error_file_id": None}
        self.counts = {"total": len(self.lines), "completed": 0, "failed": 0}
        self.used: list[Used] = []
        self.is_worked_off = False

    @property
    def status(self) -> str:
        if self.is_cancelled:
            return "cancelled" if self.has_ended else "cancelling"
        if self.has_ended:
            return self.scenario.ends_as or "completed"
        return "in_progress" if self.retrievals else "validating"

    def work(self) -> None:
        """Answer every line, once the batch has ended. One that was cancelled, or expired, has answered the first."""
        if not self.has_ended or self.is_worked_off:
            return
        self.is_worked_off = True
        if self.status == "failed":
            return
        lines = self.lines if self.status == "completed" else self.lines[:1]
        answered = [self._answer(number, line) for number, line in enumerate(lines)]
        good = [line for line in answered if line["response"]["status_code"] == 200]
        bad = [line for line in answered if line["response"]["status_code"] != 200]
        self.counts |= {"completed": len(good), "failed": len(bad)}
        for name, found in (("output_file_id", good), ("error_file_id", bad)):
            if found:
                self.files[name] = self._keep(name.removesuffix("_file_id"), found)
        self.call.store.used[self.id] = self.used

    def _answer(self, number: int, line: dict[str, Any]) -> dict[str, Any]:
        request = Request("POST", line["url"], [], compact(line["body"]).encode(), self.call.request.number)
        name = str(line["body"].get("model", "")).partition("@")[2]
        scenario = NAMED.get(name, Scenario())
        id_ = self.call.request.token(f"batch_req_{number}_", 28)
        sub = Call(request, scenario, self.call.store, self.route)
        try:
            answer = _ENDPOINTS[self.route](sub)
        except Refused as refused:
            error = {"message": refused.message, "type": refused.kind, "param": refused.param, "code": refused.code}
            status, body = refused.status, {"error": error}
        else:
            status, body = 200, json.loads(b"".join(answer.pieces))
            if answer.usage is not None:
                self.used.append(Used(self.route, answer.model, answer.usage, line["custom_id"], "batch"))
        response = {"status_code": status, "request_id": self.call.request.token(f"req_{number}", 31), "body": body}
        return {"id": id_, "custom_id": line["custom_id"], "response": response, "error": None}

    def _keep(self, kind: str, answered: list[dict[str, Any]]) -> str:
        id_ = self.call.request.token(f"file-{kind}", 20)
        content = "".join(f"{compact(line)}\n" for line in answered).encode()
        files.keep(self.call.store, id_, filename=f"{self.id}_{kind}.jsonl", purpose="batch_output", content=content)
        return id_

    def shown(self) -> dict[str, Any]:
        def at(*states: str) -> int | None:
            return self.created_at if self.status in states else None

        usage = {"usage": self._usage()} if self.is_worked_off and self.scenario.has_usage else {}
        models = {used.model for used in self.used}
        return {
            "id": self.id, "object": "batch", "endpoint": self.body["endpoint"],
            **({"model": models.pop()} if len(models) == 1 else {}), "errors": None,
            "input_file_id": self.body["input_file_id"], "completion_window": self.body["completion_window"],
            "status": self.status, **self.files, "created_at": self.created_at, "in_progress_at": self.created_at,
            "expires_at": self.created_at + 86400, "finalizing_at": at("completed"), "completed_at": at("completed"),
            "failed_at": at("failed"), "expired_at": at("expired"), "cancelling_at": at("cancelling", "cancelled"),
            "cancelled_at": at("cancelled"), "request_counts": self.counts, **usage,
            "metadata": self.body.get("metadata"),
        }  # fmt: skip

    def _usage(self) -> dict[str, Any]:
        """The sums over all requests, in the words of the Responses API."""

        def total(name: str, *, of: tuple[str, str], inside: bool = False) -> int:
            """Of a member of the usage, or of its details; completions and responses have other words for it."""
            found = 0
            for used in self.used:
                for side in of:
                    holder = used.usage.get(f"{side}_tokens_details", {}) if inside else used.usage
                    found += holder.get(name or f"{side}_tokens", 0)
            return found

        sides = ("input", "prompt"), ("output", "completion")
        sent, received = total("", of=sides[0]), total("", of=sides[1])
        cached = total("cached_tokens", of=sides[0], inside=True)
        reasoned = total("reasoning_tokens", of=sides[1], inside=True)
        return {
            "input_tokens": sent,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": received,
            "output_tokens_details": {"reasoning_tokens": reasoned},
            "total_tokens": sent + received,
        }


def create(call: Call) -> Answer:
    body = call.json()
    refuse_missing(body, "input_file_id", "endpoint", "completion_window")
    if body["endpoint"].removeprefix("/v1/") not in _ENDPOINTS:
        raise Refused(400, f"Invalid value: '{body['endpoint']}'.", param="endpoint", code="invalid_value")
    batch = Batch(call, body)
    call.store.put("batches", batch.id, batch)
    return json_answer(call, batch.shown(), id_=batch.id)


def retrieve(call: Call) -> Answer:
    batch: Batch = call.store.get("batches", call.ids[0])
    batch.retrieve()
    batch.work()
    return json_answer(call, batch.shown(), id_=batch.id)


def cancel(call: Call) -> Answer:
    batch: Batch = call.store.get("batches", call.ids[0])
    if batch.has_ended:
        raise Refused(409, f"Cannot cancel a batch with status '{batch.status}'.")
    batch.is_cancelled = True
    return json_answer(call, batch.shown(), id_=batch.id)


def list_batches(call: Call) -> Answer:
    shown = [batch.shown() for batch in call.store.all("batches")]
    data, has_more = page_of(shown, call.request.query("after"), call.limit)
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return json_answer(call, {"object": "list", "data": data, **ends, "has_more": has_more})
