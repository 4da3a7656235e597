"""Tables of options: every pair that can be meets."""

import itertools

from pairwise import contains, table

OPTIONS = dict(
    a=[0, 1, 2, 3], b=[False, True], c=[None, (1,), [2]], d=["x", "y"], e=[0, 1]
)
REFUSED = [dict(a=1, b=True), dict(c=None, d="y"), dict(b=True, c=[2])]


def test_every_pair_meets_in_few_rows():
    rows = table(OPTIONS, REFUSED)
    assert not any(contains(row, part) for row in rows for part in REFUSED)
    for one, other in itertools.combinations(OPTIONS, 2):
        for pair in itertools.product(OPTIONS[one], OPTIONS[other]):
            part = dict(zip((one, other), pair, strict=True))
            assert any(contains(row, part) for row in rows) != (part in REFUSED)
    assert len(rows) < 16  # of 96; the least is 12
