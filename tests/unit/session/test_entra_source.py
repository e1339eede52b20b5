from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.session.entra_source import find_entra_source, require_entra_source

TARGET = "target:\n  profile: scim\n  base_url: https://scim.example.com/v2\n"


def test_the_source_of_the_settings(tmp_path: Path) -> None:
    source = "source:\n  entra: {tenant: contoso.com, application: Apple}\n"
    (tmp_path / "settings.yaml").write_text(TARGET + source)
    found = find_entra_source(tmp_path)
    assert (found.tenant, found.application, found.cloud) == ("contoso.com", "Apple", "global")
    assert require_entra_source(found) is found


def test_settings_without_a_source(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(TARGET)
    with pytest.raises(SourceError, match=r"^settings\.yaml has no source\.entra$"):
        find_entra_source(tmp_path)
