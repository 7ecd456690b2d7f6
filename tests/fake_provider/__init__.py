"""The far side of every test: a real HTTP/1.1 server on loopback that speaks OpenAI's and Anthropic's wire formats.

Written for this project from the providers' documented formats. Reading order: scenario (what a test can ask for),
counting (where token counts come from), store (what lives on between calls), routing, the packages openai and
anthropic, delivery (how the bytes travel), connection, log, server.

    with FakeProvider() as provider:
        provider.script(Scenario(prompt_tokens=1144, cached_tokens=1024), "gzip, slow", Scenario(status=529))
        ...                                # OPENAI_UPSTREAM_URL=provider.openai_url
        provider.wait_for(3)[0].header("authorization")
        provider.used("batch_...")         # what is billed with a batch, or a background response
"""

from tests.fake_provider.answer import Request
from tests.fake_provider.log import Exchange
from tests.fake_provider.scenario import NAMED, Scenario, ToolCall, as_text, parse
from tests.fake_provider.server import FakeProvider
from tests.fake_provider.store import Used

__all__ = ["NAMED", "Exchange", "FakeProvider", "Request", "Scenario", "ToolCall", "Used", "as_text", "parse"]
