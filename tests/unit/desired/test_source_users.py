import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.source_users import _build_plain_user, _build_validated_user
from reconciler.desired.yaml_reader import read_items

_KEYS = st.sampled_from(("userPrincipalName", "objectId", "accountEnabled", "lifecycle", "department", "city"))
_VALUES = st.sampled_from(("Ada", " Ada ", "true", "", None, ["a"], [], {}, "Łódź"))


@given(st.dictionaries(_KEYS, _VALUES, min_size=1))
def test_the_short_way_for_plain_text_gives_what_the_model_gives(user: dict[str, Any]) -> None:
    (item,) = read_items(f"- {json.dumps(user)}".encode(), "users/a.yaml", lambda _diagnostic: None)
    short = _build_plain_user(item)
    assert short is None or short == _build_validated_user(item, lambda _diagnostic: None)


def test_the_short_way_is_taken() -> None:
    (item,) = read_items(b"- {userPrincipalName: ada@example.com}", "users/a.yaml", lambda _diagnostic: None)
    assert _build_plain_user(item) is not None
