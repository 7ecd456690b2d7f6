"""The steps of rewriting a Python file."""

from prompts.importer.addresses import Addresses
from prompts.importer.headers import HeaderBook
from prompts.importer.keys import Keys
from prompts.importer.outcome import Target
from prompts.importer.python.calls import PythonCalls
from prompts.importer.python.clients import SDK, PythonClients
from prompts.importer.python.draft import PythonDraft
from prompts.importer.python.module_client import ModuleClient
from prompts.importer.python.names import read_names
from prompts.importer.python.reading import PythonReading
from prompts.importer.python.requests import PythonRequests
from prompts.importer.requests import Converter
from prompts.importer.syntax import Tree
from prompts.importer.text import Source


def rewrite_python(source: Source, tree: Tree, target: Target) -> PythonDraft:
    draft = PythonDraft(source, PythonReading(tree, read_names(tree.root)), target)
    addresses, keys = Addresses(draft), Keys(draft)
    clients = PythonClients(draft, SDK, addresses, keys)
    clients.convert()
    ModuleClient(draft, addresses, keys, clients).convert()
    PythonCalls(draft, SDK, clients).convert()
    headers = HeaderBook(draft, keys)
    PythonRequests(draft, addresses, Converter(draft, addresses, headers)).convert()
    addresses.finish()
    headers.finish()
    keys.finish()
    draft.finish()
    return draft
