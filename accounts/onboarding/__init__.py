"""The guide for new people: an organization, a key, a first prompt and what it cost, the code to go on with.

`steps` where somebody is and what the first step makes, `sandbox` the call of the third, `arrivals` what the ledger
knows of the requests that follow, `words` what went wrong. What a call cost is told by `analytics.receipts`.
"""
