"""Processes die, disks fill up, neighbours go away; afterwards every call is in the ledger exactly once.

Both forms make calls by `load` and compare by `audit`. The short one is the test files here, one fault each, on the
stage of conftest; `FAULTS=long` selects their long forms, FAULTS_SEED repeats a kill at a random moment. The long one
is `make faults` (`__main__`): the production topology (`town`), its clients (`traffic`, `rude`), what happens before
and after a fault (`scene`), and the faults: `deaths`, `neighbours`, `journals` with `disk` and `power`, `parties`.
"""

import pytest

pytest.register_assert_rewrite("tests.faults.audit", "tests.faults.load")
