"""Every client of the matrix through the served proxy: what it sent and got is what the provider got and sent, and the
ledger says what the provider says was used.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from scripts.hermetic import ROOT
from tests.clients.environments import node_folder
from tests.clients.matrix import CALLS, CLIENTS, Client
from tests.clients.stage import Run, Stage

pytestmark = pytest.mark.clients
SCENARIOS = [pytest.param(client, name, id=f"{client}-{name}") for client in CLIENTS for name in client.scenarios]


@pytest.fixture(scope="module")
def runs(stage: Stage) -> Iterator[dict[str, Run]]:
    """All clients' programs have run, some of them at a time."""

    for folder in {client.folder for client in CLIENTS} - {ROOT}:
        node_folder(folder)

    def run(client: Client) -> Run:
        return stage.run(client.command(), client.scenarios, tags=f"matrix,{client}", cwd=client.folder)

    with ThreadPoolExecutor(3) as pool:
        yield dict(zip(map(str, CLIENTS), pool.map(run, CLIENTS), strict=True))


@pytest.mark.parametrize(("client", "name"), SCENARIOS)
def test_the_client_works_and_every_call_goes_through_unchanged(
    stage: Stage, runs: dict[str, Run], client: Client, name: str
) -> None:
    run = runs[str(client)]
    assert name in run.errors, run.output[-3000:]
    assert run.errors[name] == ""

    calls = stage.calls(run.account, name)

    made = [f"{call.record['method']} {call.record['route']}" for call in calls]
    assert sorted(made) == sorted(CALLS[client.area][name])
    for call in calls:
        assert stage.differences(call) == []
        record = call.record
        assert (record["prompt_key"], record["tags"]) == (name, ["matrix", str(client)])
        assert stage.misbookings(call) == []


def of(scenario: str) -> list[Client]:
    return [client for client in CLIENTS if scenario in client.scenarios]


@pytest.mark.parametrize("client", of("retried"), ids=str)
def test_the_clients_own_retries_are_counted(stage: Stage, runs: dict[str, Run], client: Client) -> None:
    calls = stage.calls(runs[str(client)].account, "retried")
    assert [call.record["sdk_retry_count"] for call in calls] == [0, 1, 2]


@pytest.mark.parametrize("client", of("refused-platform-key"), ids=str)
def test_a_refused_platform_key_is_tried_once_and_reaches_nobody(
    stage: Stage, runs: dict[str, Run], client: Client
) -> None:
    assert runs[str(client)].errors["refused-platform-key"] == ""
    (seen,) = [
        one
        for one in stage.tap.exchanges()
        if one.request.header("x-aipc-prompt-key") == "refused-platform-key"
        and one.request.header("x-aipc-tags") == f"matrix, {client}"
    ]
    assert seen.answer is not None
    assert (seen.answer.status, seen.answer.header("x-should-retry")) == (401, "false")
    answered = {one.request_id for one in stage.served.provider.log}
    assert seen.answer.header("x-request-id") not in answered
    assert seen.answer.header("request-id") not in answered
