"""Documents as strangers may write them: a valid one with something odd in it, damaged, or no document at all."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from support.untrusted_text import HOSTILE

RAW = {
    "@digits": "9" * 5_000,
    "@negative": "-" + "9" * 5_000,
    "@exponent": "1e999999999",
    "@nan": "NaN",
    "@infinity": "-Infinity",
    "@lists": "[" * 60_000 + "]" * 60_000,
    "@objects": '{"a":' * 30_000 + "1" + "}" * 30_000,
    "@half": '"\\ud800"',
    "@other half": '"a\\udfffb"',
    "@unfinished": '"\\u12',
}
"""Placeholders, and the JSON that replaces them: what `json.dumps` does not write."""
NUMBERS = (0, -1, 1, 2, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 0.1, -0.0, 1e308)
TEXTS = (
    *(
        "",
        " ",
        "\0",
        "²",
        "٣",
        "1e3",
        "true",
        "null",
        "NaN",
        "9" * 5_000,
        "..",
        "../..",
        "/",
        "%2e",
        "-",
        "--x",
        "~",
        "*",
    ),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-02-30", "2026-03-01", "sha256:" + "0" * 64),
    *(
        "x" * 70_000,
        "\u2028",
        "\u202e",
        "\ufeff",
        "\U0010ffff",
        "I\u0307",
        "\u1e9e",
        "::error::x",
        "##[error]",
        "<script>",
    ),
    *(
        "-----",
        "```",
        "<!--",
        "a\r\nb",
        "\x1b[31m",
        "userName",
        "externalId",
        'user["a"]',
        "://",
        "https://[",
        "{{ x }}",
    ),
)
ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(sorted(RAW)),
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.sampled_from(sorted(HOSTILE.values())),
    st.text(max_size=20),
    st.sampled_from([None, True, False, [], {}, [[]], [None], {"": None}, [{}], {"a": {"b": []}}, ["x"] * 300]),
)


def mutated(*documents: Any) -> st.SearchStrategy[bytes]:
    """Return a strategy of one of `documents` as JSON: with a few values replaced, and maybe damaged."""
    return st.one_of(
        _damaged(_changed(documents)), st.binary(max_size=60), _damaged(st.sampled_from(_plain(documents)))
    )


def _plain(documents: tuple[Any, ...]) -> list[bytes]:
    return [json.dumps(each).encode() for each in documents]


@st.composite
def _changed(draw: st.DrawFn, documents: tuple[Any, ...]) -> bytes:
    """Replace, remove or repeat up to four nodes of a document."""
    document = {"": copy.deepcopy(draw(st.sampled_from(documents)))}
    for _ in range(draw(st.integers(1, 4))):
        parent, key = draw(st.sampled_from(list(_places(document))))
        match draw(st.sampled_from(["replace", "replace", "replace", "remove", "wrap", "swap"])):
            case "remove" if parent is not document:
                del parent[key]
            case "wrap":
                parent[key] = draw(
                    st.sampled_from(
                        [[parent[key]], {"value": parent[key]}, [copy.deepcopy(parent[key]) for _ in range(3)]]
                    )
                )
            case "swap":
                other, name = draw(st.sampled_from(list(_places(document))))
                parent[key] = copy.deepcopy(other[name])
            case _:
                parent[key] = copy.deepcopy(draw(ODD))
    text = json.dumps(document.get(""), ensure_ascii=draw(st.booleans()))
    for name, raw in RAW.items():
        text = text.replace(json.dumps(name), raw)
    return text.encode("utf-8", "surrogatepass")


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the container and the key of each value below `node`."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield node, key
        if len(value) < 50 if isinstance(value, list) else True:
            yield from _places(value)


@st.composite
def _damaged(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> bytes:
    """Cut a document off, double a key, or put bytes into it; most of them stay whole."""
    content = draw(contents)
    kind = draw(st.sampled_from(["whole"] * 6 + ["cut", "insert", "twice", "mark", "lines"]))
    at = draw(st.integers(0, max(0, min(len(content), 3_000) - 1)))
    match kind:
        case "cut":
            return content[:at]
        case "insert":
            odd = st.one_of(
                st.binary(max_size=4), st.sampled_from([b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\n"])
            )
            return content[:at] + draw(odd) + content[at:]
        case "twice":
            return content.replace(b"{", b'{"id": 7, "id": "7", ', 1)
        case "mark":
            return b"\xef\xbb\xbf" + content
        case "lines":
            return content.replace(b", ", b",\r\n", 3)
    return content


def as_lines(content: bytes) -> bytes:
    """Return a JSON list as lines, one for each item; anything else as it is."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return content
    if not isinstance(found, list):
        return content
    return b"".join(json.dumps(item).encode() + b"\n" for item in found)


def as_yaml(files: Mapping[str, Any]) -> dict[str, bytes]:
    """Return files of JSON, which is YAML."""
    return {name: json.dumps(content, ensure_ascii=False).encode() for name, content in files.items()}
