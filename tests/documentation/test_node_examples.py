"""The documentation's JavaScript and TypeScript examples, word for word but for the host. Needs Node and npm.

They hold no types, so Node runs them as they are.
"""

import json
from pathlib import Path

import pytest

from tests.documentation.pages import DOCS, Block, all_blocks
from tests.documentation.served import Account
from tests.documentation.test_examples import PROVIDER_KEYS, Ran, assert_worked, on
from tests.documentation.test_node_snippets import NODE_FOLDER, node_folder  # noqa: F401  (a fixture)

pytestmark = pytest.mark.node

_INSTALLED = set(json.loads((NODE_FOLDER / "package.json").read_text())["dependencies"])
_ALL = [one for one in all_blocks(sorted(DOCS.glob("*.md"))) if one.language in {"js", "ts"} and one.provider]
# What imports other packages is only parsed, by the tests of Python.
RUN = [one for one in _ALL if one.packages <= _INSTALLED]


def test_most_examples_can_run() -> None:
    assert {one.page.stem for one in RUN} >= {"openai", "anthropic", "streaming"}
    assert {one.page.stem for one in _ALL if one not in RUN} <= {"frameworks"}


@pytest.mark.parametrize("example", RUN, ids=str)
def test_the_node_examples_work(account: Account, node_folder: Path, example: Block) -> None:  # noqa: F811
    keys = [f"AIPROMPTCOST_API_KEY={account.key}", *(f"{name}={key}" for name, key in PROVIDER_KEYS.items())]
    command = ["env", *keys, "node", "--input-type=module", "--eval"]
    call = account.run(command, on(account.served, example.text), cwd=node_folder)
    assert_worked(example, Ran(account, call.output, call.exchange))
