from dataclasses import replace

from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.record.outlines import read_outlines
from reconciler.session.audit_record import open_full_record
from reconciler.session.recorded_applies import (
    read_applies,
    read_applies_with_plans,
    read_digest_keys,
    read_moved_from,
)


def test_an_open_record_is_read_once_for_all_who_ask(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.apply()
    here = target.state().target
    elsewhere = replace(here, base_url="https://other.example.com")
    with open_full_record(target.workspace, None, target.terminal) as opened:
        for path in target.workspace.plans.glob("*/receipt.jsonl"):
            path.write_text("damaged after it was read")
        assert [run.complete for run in read_applies(opened, here)] == [True]
        (joined,) = read_applies_with_plans(opened, here)
        assert joined.planned is not None
        assert read_digest_keys(opened) == set()
        assert read_moved_from(opened, here) is None
        assert read_moved_from(opened, elsewhere) == here.base_url


def test_a_record_that_is_not_open_is_read_each_time(target: TargetWorkspace) -> None:
    here = target.state().target
    assert read_applies(target.workspace, here) == []
    target.desire(person("ada"))
    target.apply()
    assert len(read_applies(target.workspace, here)) == 1
    assert read_moved_from(target.workspace, here) is None
    assert read_outlines(target.workspace.history) != []
