import pytest

from reconciler.core.model import Diagnostic, Origin
from reconciler.desired.yaml_nodes import YamlMapping, locate
from reconciler.desired.yaml_reader import read_items


def read(text: str) -> list[YamlMapping]:
    messages: list[Diagnostic] = []
    found = list(read_items(text.encode(), "f.yaml", messages.append))
    assert messages == []
    return found


def at(line: int, column: int) -> Origin:
    return Origin("f.yaml", line, column)


PLACED = """\
- name: Ada   # one
  "full name": {first: Ada, last: [x, yy]}

- {name: Bob}
"""


@pytest.mark.parametrize(
    ("location", "key", "place"),
    [
        ((), False, at(1, 3)),
        (("name",), False, at(1, 9)),
        (("name",), True, at(1, 3)),
        (("full name",), True, at(2, 3)),
        (("full name",), False, at(2, 16)),
        (("full name", "first"), False, at(2, 24)),
        (("full name", "last"), True, at(2, 29)),
        (("full name", "last", 1), False, at(2, 39)),
        # what is not there is at the nearest thing that is
        (("full name", "last", 7), False, at(2, 35)),
        (("full name", "middle"), False, at(2, 16)),
        (("nothing",), False, at(1, 3)),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_key_and_value_knows_its_place(
    location: tuple[int | str, ...], key: bool, place: Origin, ending: str, mark: str
) -> None:
    ada, bob = read(mark + PLACED.replace("\n", ending))
    assert locate(ada, location, key=key) == place
    assert (bob.origin, bob.key_origin("name"), bob.value_origin("name")) == (at(4, 3), at(4, 4), at(4, 10))


def test_columns_are_counted_in_characters() -> None:
    (found,) = read("- ä山🙂: é\n")
    assert found.value_origin("ä山🙂") == at(1, 8)


def test_nothing_has_no_place() -> None:
    assert locate(None, ("a",)) is None
