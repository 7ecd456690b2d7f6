"""`column_store carry` in processes that start at once: copies of this one, which has imported everything.

For a byte on standard input it forks; the child says its number, waits for another byte and begins. Then stands how it
ended.
"""

import os
from io import StringIO

import clickhouse_connect  # noqa: F401 - imported before the fork
import django
from django.core.management import call_command


def main() -> None:
    django.setup()
    from analytics.management.commands import column_store

    while os.read(0, 1):
        pid = os.fork()
        if not pid:
            print(os.getpid(), flush=True)
            os.read(0, 1)
            code = 1
            try:
                call_command(column_store.Command(), "carry", stdout=StringIO())
                code = 0
            finally:
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
