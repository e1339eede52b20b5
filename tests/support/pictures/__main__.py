"""Make the pictures in docs/images again, with Chromium: `make pictures`."""

from __future__ import annotations

from playwright.sync_api import Browser, sync_playwright

from support.browser import BROWSER
from support.pictures.png import digest, repack, stamp
from support.pictures.sources import FOLDER, Source, make_sources


def photograph(browser: Browser, source: Source) -> bytes:
    """Return the PNG of a page, in light colours, sharper than its width."""
    size = {"width": source.width, "height": source.height or 400}
    page = browser.new_page(viewport=size, color_scheme="light", device_scale_factor=1.25)
    page.set_content(source.page)
    return page.screenshot(full_page=not source.height)


def main() -> None:
    """Write all pictures."""
    sources = make_sources()
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        # Chromium does not start its sandbox for root.
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        for name, source in sources.items():
            image = stamp(repack(photograph(browser, source)), digest(source.page))
            (FOLDER / name).write_bytes(image)
            print(f"docs/images/{name}: {len(image):,} bytes")  # noqa: T201
        browser.close()


if __name__ == "__main__":
    main()
