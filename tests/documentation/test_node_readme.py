"""The README's Node examples, word for word but for the host. Needs Node and npm."""

from pathlib import Path

import pytest

from tests.documentation.pages import README, block
from tests.documentation.served import Account
from tests.documentation.test_node_snippets import node_folder  # noqa: F401  (a fixture)
from tests.documentation.test_readme import assert_worked, on, with_keys

pytestmark = pytest.mark.node


@pytest.mark.parametrize(("provider", "mark"), [("openai", 'from "openai"'), ("anthropic", 'from "@anthropic-ai/sdk"')])
def test_the_node_examples_work(account: Account, node_folder: Path, provider: str, mark: str) -> None:  # noqa: F811
    command = with_keys(account.key, "node", "--input-type=module", "--eval")
    call = account.run(command, on(account.served, block(README, "js", mark)), cwd=node_folder)
    assert call.output.startswith("The answer depends")
    assert_worked(account, call, provider)
