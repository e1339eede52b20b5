"""Open a page in the browser of this machine, if there is one that does not take over the terminal."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Mapping

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def has_browser(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a window can be opened: without a display, a browser in text mode would be started in the terminal."""
    return sys.platform == "darwin" or any(environment.get(name) for name in _DISPLAYS)


def open_browser(url: str) -> None:
    """Open a URL, without waiting for the browser: some commands only return when it is closed."""
    threading.Thread(target=webbrowser.open, args=(url,), name="browser", daemon=True).start()
