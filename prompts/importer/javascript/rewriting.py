"""The steps of rewriting a JavaScript or TypeScript file."""

from prompts.importer.addresses import Addresses
from prompts.importer.headers import HeaderBook
from prompts.importer.javascript.ai_sdk import AiSdkProviders
from prompts.importer.javascript.calls import JavaScriptCalls
from prompts.importer.javascript.clients import SDK, JavaScriptClients
from prompts.importer.javascript.draft import JavaScriptDraft
from prompts.importer.javascript.names import read_names
from prompts.importer.javascript.reading import JavaScriptReading
from prompts.importer.javascript.requests import JavaScriptRequests
from prompts.importer.keys import Keys
from prompts.importer.outcome import Target
from prompts.importer.requests import Converter
from prompts.importer.syntax import Tree
from prompts.importer.text import Source


def rewrite_javascript(source: Source, tree: Tree, target: Target) -> JavaScriptDraft:
    return _rewrite(source, tree, target, is_typed=False)


def rewrite_typescript(source: Source, tree: Tree, target: Target) -> JavaScriptDraft:
    return _rewrite(source, tree, target, is_typed=True)


def _rewrite(source: Source, tree: Tree, target: Target, *, is_typed: bool) -> JavaScriptDraft:
    draft = JavaScriptDraft(source, JavaScriptReading(tree, read_names(tree.root)), target, is_typed=is_typed)
    addresses, keys = Addresses(draft), Keys(draft)
    clients = JavaScriptClients(draft, SDK, addresses, keys)
    clients.convert()
    AiSdkProviders(draft, addresses, keys).convert()
    JavaScriptCalls(draft, SDK, clients).convert()
    headers = HeaderBook(draft, keys)
    JavaScriptRequests(draft, addresses, Converter(draft, addresses, headers)).convert()
    addresses.finish()
    headers.finish()
    keys.finish()
    return draft
