"""Which function answers which method and route of a provider."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from tests.fake_provider.answer import Answer, Refused, Request, read_json
from tests.fake_provider.form import Form, read_form
from tests.fake_provider.scenario import Scenario
from tests.fake_provider.store import Store


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    request: Request
    scenario: Scenario
    store: Store
    route: str  # what follows /v1/
    ids: tuple[str, ...] = ()  # what stands for the {} of the pattern

    def json(self) -> dict[str, Any]:
        """The body. Raises `Refused` where it is none, or holds what is for our proxy alone."""
        body = read_json(self.request.body)
        if "_aipromptcost" in body:
            message = "Unknown parameter: '_aipromptcost'."
            raise Refused(400, message, param="_aipromptcost", code="unknown_parameter")
        return body

    def form(self) -> Form:
        form = read_form(self.request.header("content-type"), self.request.body)
        if form.text("_aipromptcost"):
            raise Refused(400, "Unknown parameter: '_aipromptcost'.", param="_aipromptcost", code="unknown_parameter")
        return form

    @property
    def limit(self) -> int:
        return int(self.request.query("limit", "20"))


Answering = Callable[[Call], Answer]


class Routes:
    """`{}` in a pattern stands for one segment of the path. HEAD is answered as GET is."""

    def __init__(self, table: dict[str, Answering]) -> None:
        self._table = [
            (method, re.compile(re.escape(pattern).replace(r"\{\}", "([^/]+)") + "/?"), answering)
            for (method, pattern), answering in ((key.split(" "), value) for key, value in table.items())
        ]

    def find(self, call: Call) -> tuple[Answering, Call] | None:
        wanted = "GET" if call.request.method == "HEAD" else call.request.method
        for method, pattern, answering in self._table:
            if method == wanted and (match := pattern.fullmatch(call.route)):
                return answering, dataclasses.replace(call, ids=match.groups())
        return None
