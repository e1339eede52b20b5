import time

import pytest

from reconciler.sandbox.faults import Faults, build_html_page
from reconciler.sandbox.http_messages import RefusalError
from reconciler.sandbox.quirks import Quirks


def statuses(quirks: Quirks, count: int) -> list[int | None]:
    faults = Faults()
    failures = [faults.next_failure(quirks) for _ in range(count)]
    return [failure.status if failure else None for failure in failures]


def test_nothing_fails_by_default() -> None:
    assert statuses(Quirks(), 5) == [None] * 5


def test_every_nth_fails_with_500_and_503_in_turn() -> None:
    assert statuses(Quirks(flaky=2), 8) == [None, 500, None, 503, None, 500, None, 503]
    assert statuses(Quirks(flaky=1), 3) == [500, 503, 500]


def test_the_limit_counts_within_a_second() -> None:
    now = [100.1]
    faults = Faults(lambda: now[0])
    quirks = Quirks(rate_limit=2)
    faults.limit(quirks)
    faults.limit(quirks)
    with pytest.raises(RefusalError) as caught:
        faults.limit(quirks)
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "1"})
    now[0] = 101.0
    faults.limit(quirks)


def test_a_stopped_server_waits_no_more() -> None:
    faults = Faults()
    faults.stop()
    before = time.monotonic()
    faults.delay(Quirks(slow=30))
    assert time.monotonic() - before < 10


def test_the_html_page_names_its_status() -> None:
    page = build_html_page(503)
    assert page.status == 503
    assert b"<h1>503</h1>" in page.body
    assert page.media_type == "text/html; charset=utf-8"
