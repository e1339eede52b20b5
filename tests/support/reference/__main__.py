"""Write the generated pages of docs/reference again: `make reference`."""

from __future__ import annotations

from support.reference.pages import FOLDER, PAGES

if __name__ == "__main__":
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render(), "utf-8")
