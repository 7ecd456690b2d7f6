"""The documentation's JavaScript and TypeScript examples, word for word but for the host. Needs Node and npm.

They hold no types, so Node runs them as they are; TypeScript's compiler has nothing against them either.
"""

import json
import subprocess
from pathlib import Path

import pytest

from scripts.hermetic import environment
from tests.documentation.pages import DOCS, Block, all_blocks
from tests.documentation.served import Account
from tests.documentation.test_examples import PROVIDER_KEYS, Ran, assert_worked, on
from tests.documentation.test_node_snippets import node_folder  # noqa: F401  (a fixture)

pytestmark = pytest.mark.node

EXAMPLES = [one for one in all_blocks(sorted(DOCS.glob("*.md"))) if one.language in {"js", "ts"} and one.provider]
OPTIONS = {
    "strict": True,
    "noEmit": True,
    "skipLibCheck": True,
    "target": "es2022",
    "lib": ["es2022"],
    "module": "nodenext",
    "types": ["node"],
}


def test_there_are_examples_of_all_kinds() -> None:
    assert {one.page.stem for one in EXAMPLES} >= {"openai", "anthropic", "frameworks", "streaming"}
    assert {package for one in EXAMPLES for package in one.packages} >= {"openai", "@anthropic-ai/sdk", "ai"}


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_the_node_examples_work(account: Account, node_folder: Path, example: Block) -> None:  # noqa: F811
    keys = [f"AIPROMPTCOST_API_KEY={account.key}", *(f"{name}={key}" for name, key in PROVIDER_KEYS.items())]
    command = ["env", *keys, "node", "--input-type=module", "--eval"]
    call = account.run(command, on(account.served, example.text), cwd=node_folder)
    assert_worked(example, Ran(account, call.output, call.exchange))


def test_the_compiler_of_typescript_takes_them(tmp_path: Path, node_folder: Path) -> None:  # noqa: F811
    (tmp_path / "node_modules").symlink_to(node_folder / "node_modules")
    for one in EXAMPLES:
        (tmp_path / f"{one}.mts").write_text(f"{one.text}export {{}};\n")  # a file without imports is no module
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "include": ["*.mts"]}))

    done = subprocess.run(
        ["node_modules/.bin/tsc", "-p", "."], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout
