"""Months of usage records: PostgreSQL's own partitions by ranges of ids, for installations that ask for them.

`manage.py partition_records` turns the table of the records into a partitioned one (`conversion`); the clock makes the
months ahead (`months`); retention drops months (`dropping`). Later indexes of that table are made by `operations`.
What there is, the catalogue of the database says (`shape`): nothing is kept beside it. SQLite has none of this, and an
installation that never asks for it keeps one table. Why, and what was measured: docs/adr/0013.
"""
