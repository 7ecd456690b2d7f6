"""The guide for new people: an organization, a key, a first prompt and what it cost, the code to go on with.

`steps` where somebody is and what the first step makes, `sandbox` the call of the third, `receipts` and `arrivals` what
the ledger knows of it and of the requests that follow, `words` what went wrong.
"""
