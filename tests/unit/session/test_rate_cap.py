from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reconciler.errors import ReconcilerError
from reconciler.session.rate_cap import (
    RATE_VARIABLE,
    hand_down_rate,
    open_rate_cap,
    read_rate_cap,
    read_requests_per_second,
)

URL = "https://scim.example.com/v2"


def environment(root: Path, text: str = "25") -> dict[str, str]:
    return {RATE_VARIABLE: text, "XDG_STATE_HOME": str(root)}


@pytest.mark.parametrize(("text", "rate"), [("", None), (" ", None), ("25", 25), (" 0.5\n", 0.5), ("10000", 10_000)])
def test_the_variable_holds_a_rate(text: str, rate: float | None) -> None:
    assert read_requests_per_second({RATE_VARIABLE: text}) == rate


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e3", "10001", "99999", "0.001", "25/s", "２５", "2\x1b5"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ReconcilerError) as raised:
        read_requests_per_second({RATE_VARIABLE: text})
    assert raised.value.summary == "RECONCILER_REQUESTS_PER_SECOND is not a number of requests per second"
    assert text not in raised.value.summary


def test_a_fleet_hands_the_lower_rate_down() -> None:
    assert hand_down_rate(None, {}) == {}
    assert hand_down_rate(25, {}) == {RATE_VARIABLE: "25.000"}
    assert hand_down_rate(None, {RATE_VARIABLE: "10"}) == {RATE_VARIABLE: "10.000"}
    assert hand_down_rate(25, {RATE_VARIABLE: "10"}) == {RATE_VARIABLE: "10.000"}
    assert hand_down_rate(10, {RATE_VARIABLE: "25"}) == {RATE_VARIABLE: "10.000"}
    for odd in (1e-9, 1e9):
        assert read_requests_per_second(hand_down_rate(odd, {})) is not None


def test_the_file_is_that_of_the_address(tmp_path: Path) -> None:
    cap = read_rate_cap(URL, environment(tmp_path))
    assert cap is not None
    assert (cap.per_second, cap.path.parent) == (25, tmp_path / "reconciler" / "locks")
    for same in (f"{URL}/", "https://SCIM.example.com:443/v2"):
        assert read_rate_cap(same, environment(tmp_path)) == cap
    other = read_rate_cap("https://scim.example.com/v3", environment(tmp_path))
    assert other is not None
    assert other.path != cap.path
    assert read_rate_cap(URL, {}) is None


def test_the_file_is_private_and_shared(tmp_path: Path) -> None:
    cap = read_rate_cap(URL, environment(tmp_path, "1"))
    assert cap is not None
    with open_rate_cap(cap) as one, open_rate_cap(cap) as other:
        assert one is not None
        assert other is not None
        assert one.reserve() == 0
        found = other.reserve()
        assert found is not None
        assert 0 < found <= 1
    assert stat.S_IMODE(cap.path.stat().st_mode) == 0o600
    with open_rate_cap(None) as none:
        assert none is None


def test_a_directory_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "reconciler").write_text("")
    cap = read_rate_cap(URL, environment(tmp_path))
    with pytest.raises(ReconcilerError, match="cannot lock "), open_rate_cap(cap):
        pass
