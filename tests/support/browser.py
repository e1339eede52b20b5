"""Chromium for tests of pages: a page is served at an address of its own, and asks for nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

ADDRESS = "http://plan.example/plan.html"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NEEDS_BROWSER = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium (apt-get install chromium)")
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LINES_OF_TEXT = """text => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const lines = [];
    while (walker.nextNode()) {
        if (walker.currentNode.data.trim() !== text) continue;
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        lines.push(new Set([...range.getClientRects()].map(box => Math.round(box.top))).size);
    }
    return lines;
}"""
"""A function of the page: in how many lines each text that is exactly `text` is laid out."""
Show = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        # Chromium does not start its sandbox for root.
        started = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def show(browser: Any) -> Iterator[Show]:
    """Opens a page. At the end: no other request was made, nothing was complained about."""
    contexts: list[Any] = []
    requests: list[str] = []
    complaints: list[str] = []

    def show_page(content: str, *, script: bool = True, size: dict[str, int] = DESK, scheme: str = "light") -> Any:
        context = browser.new_context(java_script_enabled=script, viewport=size, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda fault: complaints.append(str(fault)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))

        def answer(route: Any) -> None:
            requests.append(route.request.url)
            route.fulfill(body=content, content_type="text/html; charset=utf-8")

        context.route("**/*", answer)
        page.goto(ADDRESS)
        return page

    yield show_page
    for context in contexts:
        context.close()
    assert requests == [ADDRESS] * len(contexts)
    assert complaints == []


def violations(page: Any) -> list[tuple[str, list[Any]]]:
    """Return what axe objects to."""
    found = axe.Axe().run(page).response
    return [(item["id"], [node["target"] for node in item["nodes"]]) for item in found["violations"]]
