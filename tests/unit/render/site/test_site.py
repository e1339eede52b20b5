from support.site_reports import site_report

from reconciler.render.site.site import render_site
from reconciler.render.style import Style


def render(redact: bool = False) -> dict[str, str]:
    return {name: "".join(text) for name, text in render_site(site_report("qzx"), Style(redact=redact))}


def test_the_files_of_the_site_are_the_same_each_time() -> None:
    site = render()
    assert list(site) == ["index.html", "users.html", "users-0001.html", "history.html"]
    assert render() == site


def test_no_page_asks_for_anything() -> None:
    for name, page in render().items():
        assert 'http-equiv="Content-Security-Policy" content="default-src \'none\';' in page, name
        assert "unsafe-inline" not in page
        assert '<meta name="robots" content="noindex">' in page
        assert "src=" not in page.replace("-src", "")
        assert "//" not in page.replace("https://x.example", "").replace("// ", "")


def test_the_history_says_what_it_leaves_out() -> None:
    assert "The 3 newest of 5 changes." in render()["history.html"]
