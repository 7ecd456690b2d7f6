"""Who answers the questions that read records: the ledger, or a copy of its records in a column store (docs/adr/0014).

`questions` is the interface, `ledger` gives the database's answers, `clickhouse` those of the copy, and `choosing` says
which of them a request gets. Whatever changes records says so by `changes`; `feeding` carries it over, `filling` makes
a copy and compares it. The ledger is always right; the copy is a copy, and nothing is billed by it.
"""
