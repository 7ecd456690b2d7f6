"""How PostgreSQL would find what a page asks for."""

from django.db import connection


def explain(sql: str) -> str:
    """The plan where reading the whole table is to be avoided, as it is with millions of rows."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("SET LOCAL enable_seqscan = on")
    return plan
