"""The key of the digests on record."""

import pytest

from reconciler.errors import ReconcilerError
from reconciler.session.record_key import read_record_key


@pytest.mark.parametrize(("key", "what"), [(None, "is not set"), ("  ", "is not set"), ("short", "is shorter than ")])
def test_a_record_key_must_be_long(key: str | None, what: str) -> None:
    with pytest.raises(ReconcilerError) as raised:
        read_record_key({} if key is None else {"RECONCILER_RECORD_KEY": key})
    assert raised.value.summary.startswith(f"RECONCILER_RECORD_KEY {what}")
    assert read_record_key({"RECONCILER_RECORD_KEY": " " + "k" * 64}) == b"k" * 64
