from __future__ import annotations

import threading

import pytest

from reconciler.session import browser
from reconciler.session.browser import has_browser, open_browser


@pytest.mark.parametrize(
    ("platform", "environment", "found"),
    [
        ("linux", {}, False),
        ("linux", {"BROWSER": "lynx"}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
    ],
)
def test_a_browser_needs_a_window(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], found: bool
) -> None:
    monkeypatch.setattr(browser.sys, "platform", platform)
    assert has_browser(environment) == found


def test_a_browser_that_does_not_return_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, release = threading.Event(), threading.Event()

    def block(url: str) -> None:
        assert url == "https://example.com"
        opened.set()
        release.wait(10)

    monkeypatch.setattr(browser.webbrowser, "open", block)
    open_browser("https://example.com")
    assert opened.wait(10)
    release.set()
