"""The demo behind `make demo`: a sample organization with history, real calls through a fake provider, a login.

Reading order: environment, organization, workload and history, processes, calls; the command
`accounts/management/commands/demo.py` puts them together.
"""
