import pytest

from reconciler.core.model import Origin
from reconciler.desired.yaml_text import check_text, has_look_alikes


class _FailedError(Exception):
    pass


def failure(content: bytes) -> tuple[str, str, str]:
    def fail(origin: Origin, summary: str, detail: str) -> None:
        raise _FailedError(str(origin), summary, detail)

    with pytest.raises(_FailedError) as caught:
        check_text(content, "f", fail)
    return caught.value.args  # type: ignore[return-value]


ENCODING = "Save the file as UTF-8: editors call it the encoding."
BREAK = "Remove it, or break the line as your editor does."


@pytest.mark.parametrize(
    ("content", "place", "summary", "detail"),
    [
        ("é: 1\na: Müller".encode("cp1252"), "f:1:1", "not UTF-8 text: the byte 0xE9, in Windows-1252 é", ENCODING),
        (b"a: b\nc: \xff\n", "f:2:4", "not UTF-8 text: the byte 0xFF, in Windows-1252 ÿ", ENCODING),
        (b"a: \x81", "f:1:4", "not UTF-8 text: the byte 0x81", ENCODING),
        ("a: b".encode("utf-16"), "f:1:1", "UTF-16 text, not UTF-8", ENCODING),
        ("a: b".encode("utf-16-le"), "f:1:1", "UTF-16 text, not UTF-8", ENCODING),
        ("a: b".encode("utf-16-be"), "f:1:1", "UTF-16 text, not UTF-8", ENCODING),
        (
            b"a: b\rc: d\r",
            "f:1:5",
            "the lines end with a carriage return only (CR)",
            "Save the file with line ends of Unix (LF) or Windows (CRLF).",
        ),
        (b"a: b\rc: d\n", "f:1:5", "an unusual line break (a carriage return without a line feed)", BREAK),
        ("a: é\u2028c".encode(), "f:1:5", "an unusual line break (U+2028)", BREAK),
        ("a: é\u0085c".encode(), "f:1:5", "an unusual line break (U+0085)", BREAK),
    ],
)
def test_what_is_no_text_is_named_at_its_place(content: bytes, place: str, summary: str, detail: str) -> None:
    assert failure(content) == (place, summary, detail)


@pytest.mark.parametrize("content", [b"", b"a: b\r\nc: d\n", "ä: 山\n".encode(), b"\xef\xbb\xbfa: b\n"])
def test_text_with_usual_line_ends_passes(content: bytes) -> None:
    check_text(content, "f", lambda *_: pytest.fail("refused"))


def test_look_alikes_are_searched_after_the_byte_order_mark() -> None:
    assert not has_look_alikes("\ufeffä: 山".encode())
    for character in "\ufeff\u00a0\u2003\u200b\u202f\u2060\u3000\u201c\u2019\u00ab":
        assert has_look_alikes(f"a: {character}".encode())
