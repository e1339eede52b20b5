from __future__ import annotations

from support.sample_org import account, person
from support.target_workspace import KEEPER, TargetWorkspace

from reconciler.session.entra_links import read_matched
from reconciler.sources.links import MatchedAccount


def test_accounts_are_those_that_the_plan_matches_in_the_order_of_the_files(target: TargetWorkspace) -> None:
    for who in ("eve", "ada", "stranger"):
        target.service.add(account(who))
    target.desire(person("eve"), person("ada"), person("new"))
    with target.session() as session:
        found = read_matched(session, target.terminal)
    assert [(each.name.partition("@")[0], each.object_id) for each in found] == [
        ("eve", "id-eve"),
        ("ada", "id-ada"),
        (KEEPER, f"id-{KEEPER}"),
    ]
    assert found[0] == MatchedAccount("eve@example.com", "id-eve", str(target.live("eve")["id"]))
