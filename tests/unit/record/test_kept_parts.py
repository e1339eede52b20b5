import hashlib
from pathlib import Path

from reconciler.record.kept_parts import RECEIPTS, PartDigest, split_into_parts

PLANS = Path("plans")


def key(*receipts: tuple[str, bytes], kind: str = "outlines") -> str:
    digest = PartDigest(PLANS)
    for name, content in receipts:
        digest.add(PLANS / name, hashlib.sha256(content).digest())
    return digest.to_key(kind)


def test_names_contents_order_and_kind_make_a_key() -> None:
    one, two = ("a/receipt.jsonl", b"1"), ("b/receipt.jsonl", b"2")
    keys = [
        key(one, two),
        key(two, one),
        key(one),
        key(one, two, kind="accounts"),
        key(("a/receipt.jsonl", b"2"), ("b/receipt.jsonl", b"1")),
        key(("a/receipt.jsonl", b"12"), ("b/receipt.jsonl", b"")),
        key(("b/receipt.jsonl", b"1"), ("a/receipt.jsonl", b"2")),
    ]
    assert len(set(keys)) == len(keys)
    assert key(one, two) == keys[0]


def test_a_copy_goes_its_own_way() -> None:
    digest = PartDigest(PLANS)
    copied = digest.copy()
    copied.add(PLANS / "a/receipt.jsonl", hashlib.sha256(b"1").digest())
    assert digest.to_key("x") != copied.to_key("x") == key(("a/receipt.jsonl", b"1"), kind="x")


def test_names_that_are_not_utf_8_have_a_key() -> None:
    assert key(("\udcff/receipt.jsonl", b"1")) != key(("a/receipt.jsonl", b"1"))


def test_all_parts_but_the_last_are_of_one_size() -> None:
    paths = [Path(str(number)) for number in range(2 * RECEIPTS + 1)]
    assert [len(part) for part in split_into_parts(paths)] == [RECEIPTS, RECEIPTS, 1]
    assert [path for part in split_into_parts(paths) for path in part] == paths
