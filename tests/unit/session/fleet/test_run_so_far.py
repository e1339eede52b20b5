from __future__ import annotations

from pathlib import Path
from typing import Any

from support.fleet_results import COMMIT, RUN, write_result

from reconciler.fleet.gathered import Wanted, gather_results
from reconciler.fleet.model import Fleet, FleetGuards, FleetLimit, Tenant, Wave
from reconciler.session.fleet.gathering import Gathering
from reconciler.session.fleet.run_so_far import add_earlier_waves, judge_so_far
from reconciler.session.fleet.selected import Selected

WAVES = (Wave("canary", ("t0",)), Wave("early", ("t1", "t2")), Wave("rest"))
TENANTS = tuple(Tenant(f"t{number}", f"tenants/t{number}") for number in range(5))
FLEET = Fleet(Path(), TENANTS, WAVES, guards=FleetGuards(FleetLimit(1), FleetLimit(2)))


def gather(directory: Path, *names: str) -> Gathering:
    wanted = Wanted("apply", COMMIT, RUN)
    return Gathering(Selected(FLEET, (), None), wanted, gather_results([directory], names, wanted))


def judge(directory: Path, wave: str, *names: str) -> list[str]:
    gathering = gather(directory, *names)
    return [each.found for each in judge_so_far(gathering, add_earlier_waves(gathering, [directory], wave), [])]


def write(directory: Path, *names: str, **fields: Any) -> None:
    for name in names:
        write_result(directory, name, **{"verb": "apply", **fields})


def test_a_wave_counts_with_those_before_it(tmp_path: Path) -> None:
    write(tmp_path, "t0", counts={"delete": 1, "unchanged": 9})
    write(tmp_path, "t1", counts={"deactivate": 1, "unchanged": 9})
    write(tmp_path, "t2", "t4", counts={"delete": 1, "unchanged": 9})
    write(tmp_path, "t3", exit_code=1)
    assert judge(tmp_path, "canary", "t0") == []
    assert judge(tmp_path, "early", "t1", "t2") == [
        "3 users of 30 would be removed in all tenants, the limit is 2, in all waves so far"
    ]
    write(tmp_path, "t1", exit_code=5)
    assert judge(tmp_path, "early", "t1", "t2") == []
    assert judge(tmp_path, "rest", "t3", "t4") == [
        "2 tenants of 5 failed, the limit is 1, in all waves so far",
        "3 users of 30 would be removed in all tenants, the limit is 2, in all waves so far",
    ]


def test_results_that_are_not_named_or_of_another_run_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, "t1", exit_code=1)
    write(tmp_path, "t0", exit_code=1, run="16/1")
    gathering = gather(tmp_path, "t1", "t2")
    so_far = add_earlier_waves(gathering, [tmp_path], "early")
    assert (set(so_far.results), set(so_far.missing)) == ({"t1"}, {"t2"})


def test_a_guard_is_named_once(tmp_path: Path) -> None:
    write(tmp_path, "t0", "t1", exit_code=1)
    gathering = gather(tmp_path, "t1")
    so_far = add_earlier_waves(gathering, [tmp_path], "early")
    (found,) = judge_so_far(gathering, so_far, [])
    assert judge_so_far(gathering, so_far, [found]) == []
