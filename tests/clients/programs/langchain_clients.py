"""LangChain with both of its providers."""

import asyncio
import json

from driver import HELLO, KEY, base_url, fake, headers, main, metadata, scenario
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class Place(BaseModel):
    """Where it is."""

    city: str


def gpt(name, **changes):
    usual = {"model": "gpt-4o", "api_key": KEY, "base_url": base_url("openai"), "max_retries": 0}
    return ChatOpenAI(**usual | {"default_headers": headers("openai", name)} | changes)


def claude(name, **changes):
    usual = {"model": "claude-haiku-4-5", "max_tokens": 64, "api_key": KEY, "base_url": base_url("anthropic")}
    return ChatAnthropic(**usual | {"max_retries": 0, "default_headers": headers("anthropic", name)} | changes)


@scenario("openai-chat")
def openai_chat(name):
    bare = gpt("", default_headers={"X-Provider-Key": "sk-openai-of-the-matrix"}, extra_body=metadata(name))
    assert bare.invoke(HELLO).usage_metadata["output_tokens"] == 25


@scenario("openai-chat-stream")
def openai_chat_stream(name):
    text = "".join(chunk.text for chunk in gpt(name).stream("Hello!"))
    assert text.startswith("The answer")


@scenario("openai-responses")
def openai_responses(name):
    model = gpt(name, model="gpt-4.1", use_responses_api=True)
    assert model.invoke("Hello!").usage_metadata["input_tokens"] == 9
    assert "".join(chunk.text for chunk in model.stream("Hello!")).startswith("The answer")


@scenario("openai-object")
def openai_object(name):
    told = headers("openai", name) | fake(json.dumps({"text": '{"city": "Bern"}'}))
    model = gpt(name, default_headers=told).with_structured_output(Place, method="json_schema")
    assert model.invoke("Where?") == Place(city="Bern")


@scenario("openai-embeddings")
def openai_embeddings(name):
    """Counting tokens beforehand would fetch its tables from the network."""
    model = OpenAIEmbeddings(
        model="text-embedding-3-small", api_key=KEY, base_url=base_url("openai"), max_retries=0,
        default_headers=headers("openai", name), check_embedding_ctx_length=False,
    )  # fmt: skip
    assert len(model.embed_documents(["one", "two"])) == 2


@scenario("anthropic")
def anthropic(name):
    assert claude(name).invoke("Hello!").usage_metadata["output_tokens"] == 25


@scenario("anthropic-stream")
def anthropic_stream(name):
    async def call():
        return [chunk async for chunk in claude(name).astream("Hello!")]

    assert "".join(chunk.text for chunk in asyncio.run(call())).startswith("The answer")


if __name__ == "__main__":
    main()
