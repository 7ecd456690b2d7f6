"""Processes die, disks fill up, neighbours go away; afterwards every call is in the ledger exactly once.

load makes the calls, audit compares, conftest has the stage. `FAULTS=long` selects the long forms; FAULTS_SEED repeats
a kill at a random moment.
"""

import pytest

pytest.register_assert_rewrite("tests.faults.audit", "tests.faults.load")
