"""Message batches: requests in one body, results as JSON lines at an absolute URL (API reference, "Batches")."""

import datetime
from typing import Any

from tests.fake_provider.answer import Answer, Refused, compact
from tests.fake_provider.anthropic.messages import Message, checked
from tests.fake_provider.anthropic.wire import ERRORS, binary_answer, json_answer
from tests.fake_provider.routing import Call
from tests.fake_provider.scenario import NAMED, Scenario
from tests.fake_provider.store import Store, Used, Work


class Batch(Work):
    def __init__(self, call: Call, requests: list[dict[str, Any]]) -> None:
        super().__init__(call.scenario)
        self.id, self.call, self.requests = call.request.token("msgbatch_01", 22), call, requests
        self.made_at = datetime.datetime.now(datetime.UTC)
        self.results: list[str] = []
        self.counts = {"processing": len(requests), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}

    @property
    def status(self) -> str:
        return "ended" if self.has_ended else "canceling" if self.is_cancelled else "in_progress"

    def work(self) -> None:
        """Answer all, once the batch has ended. One that was cancelled, or expired, has answered the first."""
        if not self.has_ended or self.results:
            return
        self.call.store.used[self.id] = []
        rest = "canceled" if self.is_cancelled else "expired" if self.scenario.ends_as == "expired" else ""
        for number, request in enumerate(self.requests):
            result = {"type": rest} if rest and number else self._answer(number, request)
            line = f'{{"custom_id":{compact(request["custom_id"])},"result":'
            text = result if isinstance(result, str) else compact(result)
            kind = "succeeded" if isinstance(result, str) else result["type"]
            self.results.append(f"{line}{text}}}\n")
            self.counts[kind] += 1
        self.counts["processing"] = 0

    def _answer(self, number: int, request: dict[str, Any]) -> str | dict[str, Any]:
        """The result as JSON text, since the message holds JSON of its own; an error as a value."""
        asked = request["params"]
        scenario = NAMED.get(str(asked.get("model")).partition("@")[2], Scenario())
        try:
            if scenario.status >= 400:
                kind, text = ERRORS[scenario.status]
                raise Refused(scenario.status, text, kind=kind)
            body = checked(self.call.request, asked)
        except Refused as refused:
            error = {"type": refused.kind, "message": refused.message}
            return {"type": "errored", "error": {"type": "error", "error": error, "request_id": None}}
        message = Message(self.call.request, body, scenario, tier="batch", suffix=str(number))
        used = Used("messages", message.model, message.final_usage(), request["custom_id"], "batch")
        self.call.store.used[self.id].append(used)
        return f'{{"type":"succeeded","message":{message.as_json()}}}'

    def shown(self, call: Call) -> dict[str, Any]:
        is_over = self.status == "ended"
        made = self.made_at.isoformat()
        url = f"http://{call.request.header('host')}/anthropic/v1/messages/batches/{self.id}/results"
        return {
            "id": self.id, "type": "message_batch", "processing_status": self.status, "request_counts": self.counts,
            "ended_at": made if is_over else None, "created_at": made,
            "expires_at": (self.made_at + datetime.timedelta(days=1)).isoformat(), "archived_at": None,
            "cancel_initiated_at": made if self.is_cancelled else None,
            "results_url": url if is_over else None,
        }  # fmt: skip


def create(call: Call) -> Answer:
    requests = call.json().get("requests")
    if not requests:
        raise Refused(400, "requests: Field required", kind="invalid_request_error")
    batch = Batch(call, requests)
    call.store.put("batches", batch.id, batch)
    return json_answer(call, batch.shown(call), id_=batch.id)


def retrieve(call: Call) -> Answer:
    batch = _find(call.store, call.ids[0])
    batch.retrieve()
    batch.work()
    return json_answer(call, batch.shown(call), id_=batch.id)


def results(call: Call) -> Answer:
    batch = _find(call.store, call.ids[0])
    if not batch.results:
        raise Refused(404, f"Batch {batch.id} has no available results.", kind="not_found_error")
    return binary_answer(call, [line.encode() for line in batch.results], "application/x-jsonl")


def cancel(call: Call) -> Answer:
    batch = _find(call.store, call.ids[0])
    batch.is_cancelled = batch.is_cancelled or not batch.has_ended
    return json_answer(call, batch.shown(call), id_=batch.id)


def delete(call: Call) -> Answer:
    if not _find(call.store, call.ids[0]).has_ended:
        raise Refused(400, "A batch that is in progress cannot be deleted.", kind="invalid_request_error")
    call.store.remove("batches", call.ids[0])
    return json_answer(call, {"id": call.ids[0], "type": "message_batch_deleted"})


def list_batches(call: Call) -> Answer:
    return json_answer(call, listed(call, [batch.shown(call) for batch in call.store.all("batches")]))


def listed(call: Call, items: list[dict[str, Any]]) -> dict[str, Any]:
    """A page as Anthropic gives it: `after_id` goes on, `limit` is its size."""
    ids = [item["id"] for item in items]
    after = call.request.query("after_id")
    start = ids.index(after) + 1 if after in ids else 0
    data = items[start : start + call.limit]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"data": data, "has_more": start + call.limit < len(items)} | ends


def _find(store: Store, id_: str) -> Batch:
    found = store.get("batches", id_)
    assert isinstance(found, Batch)
    return found
