"""Runs the scenarios named on the command line, one after the other, and tells of each in a line of JSON.

Needs nothing but the standard library: it runs in the clients' environments.
"""

import json
import os
import sys
import time
import traceback

URL = os.environ["MATRIX_URL"]  # of the proxy
KEY = os.environ["MATRIX_KEY"]  # at the platform
TAGS = os.environ["MATRIX_TAGS"].split(",")
PROVIDER_KEYS = {"openai": "sk-openai-of-the-matrix", "anthropic": "sk-ant-of-the-matrix"}
HELLO = [{"role": "user", "content": "Hello!"}]
EVERY_BYTE = bytes(range(256)) * 300 + b"\r\n--x\r\n"  # what breaks if anything takes it for text or for a form
SCENARIOS = {}


def scenario(name):
    """Registers a function, which gets the scenario's name as the prompt key of its calls."""

    def register(function):
        SCENARIOS[name] = function
        return function

    return register


def headers(provider, prompt_key):
    """The default headers of a client, as the documentation has them."""
    tags = ", ".join(TAGS)
    return {"X-Provider-Key": PROVIDER_KEYS[provider], "x-aipc-prompt-key": prompt_key, "x-aipc-tags": tags}


def base_url(provider):
    return f"{URL}/api/proxy/v1/{provider}"


def metadata(prompt_key):
    return {"_aipromptcost": {"prompt_key": prompt_key, "feature_tags": TAGS, "version": 3}}


def fake(text):
    """Headers that tell the fake provider what to answer."""
    return {"x-fake-scenario": text}


def refused(kind, call):
    """The error of that kind which the call raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("no error")


def main():
    for name in sys.argv[1:]:
        started = time.monotonic()
        error = ""
        try:
            SCENARIOS[name](name)
        except BaseException:  # noqa: BLE001 - told in the line
            error = traceback.format_exc()
        print(json.dumps({"scenario": name, "error": error, "seconds": time.monotonic() - started}), flush=True)
