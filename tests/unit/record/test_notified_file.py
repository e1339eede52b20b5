from dataclasses import replace
from pathlib import Path

import pytest
from support.builders import NOW, TARGET

from reconciler.errors import PlanFileError
from reconciler.record.notified import Notified, TopicKey, TopicState
from reconciler.record.notified_file import read_notified, write_notified
from reconciler.record.record_files import merge_into, read_record_files

KNOWN = Notified({TopicKey("mail", "drift"): TopicState("found", NOW, NOW)})


def test_each_tenant_has_a_file_of_its_own(tmp_path: Path) -> None:
    plans = tmp_path / "plans"
    acme = replace(TARGET, tenant="acme")
    assert read_notified(plans, TARGET) == Notified()
    write_notified(plans, acme, KNOWN)
    assert read_notified(plans, TARGET) == Notified()
    assert read_notified(plans, acme) == KNOWN
    assert (plans / "notified-acme.json").stat().st_mode & 0o777 == 0o600


def test_the_record_includes_it(tmp_path: Path) -> None:
    write_notified(tmp_path / "plans", TARGET, KNOWN)
    merge_into(read_record_files(tmp_path / "plans"), tmp_path / "whole")
    assert read_notified(tmp_path / "whole", TARGET) == KNOWN


def test_what_cannot_be_read_says_nothing_and_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notified.json").mkdir()
    assert read_notified(tmp_path, TARGET) == Notified()
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanFileError):
        write_notified(tmp_path / "file", TARGET, KNOWN)
