from __future__ import annotations

import pytest
from pydantic import ValidationError

from reconciler.desired.source_settings import EntraSource, SourceSettings

APPLICATION = {"tenant": "contoso.onmicrosoft.com", "application": "Apple Business Manager"}


def test_people_are_written_by_hand_without_a_source() -> None:
    assert SourceSettings().entra is None


def test_the_defaults_of_a_tenant() -> None:
    source = EntraSource.model_validate(APPLICATION)
    assert (source.cloud, source.users, source.attributes) == ("global", "assigned", "auto")
    assert (source.place, source.on_missing, source.credential_expires) == ("users/entra.yaml", "report", None)
    assert source.auto_merge is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenant": "https://contoso.com"},
        {"client_id": "6f1c"},
        {"cloud": "mars"},
        {"application": ""},
        {"token": "secret"},
        {"auto_merge": "-1"},
        {"credential_expires": "tomorrow"},
    ],
)
def test_what_is_no_tenant_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        EntraSource.model_validate({**APPLICATION, **wrong})
