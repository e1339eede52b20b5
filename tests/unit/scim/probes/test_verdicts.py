from __future__ import annotations

import pytest
from support.builders import APPLE, SCIM

from reconciler.core.check import CheckVerdict
from reconciler.core.profile import Confidence, Switch
from reconciler.scim.probes.verdicts import REPORT, ask_to_report, fail, ok, skip, warn

REPORTED, DOCUMENTED = (Switch(1, "x", each) for each in (Confidence.REPORTED, Confidence.DOCUMENTED))


def test_answers() -> None:
    assert [each.verdict for each in (ok("q", "s"), warn("q", "s", "a"), fail("q", "s", "a"), skip("q", "s"))] == list(
        CheckVerdict
    )
    assert warn("q", "s", "a", "b", number=1).advice == ("a", "b")
    assert warn("q", "s", "a", "b", number=1).facts == (("number", 1),)


@pytest.mark.parametrize(
    ("profile", "switches", "asked"),
    [
        (APPLE, [REPORTED], True),
        (APPLE, [DOCUMENTED], False),
        (APPLE, [DOCUMENTED, REPORTED], True),
        (APPLE, [], True),
        (SCIM, [REPORTED], False),
        (SCIM, [], False),
    ],
)
def test_only_what_is_not_documented_about_one_service_is_to_be_reported(
    profile: object, switches: list[Switch], asked: bool
) -> None:
    assert ask_to_report(profile, *switches) == ((REPORT,) if asked else ())  # type: ignore[arg-type]
