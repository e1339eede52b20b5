"""The law of layers: a tenant's plan is that of one directory with the same settings, whatever layer each one is in."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.command import run
from support.servers.fake_scim import FakeScimServer
from support.servers.users import make_user
from support.workspace import source

LAYERS = ("defaults", "groups/schools", "tenants/acme")
SCOPE = {
    "sync": "all",
    "filters": [
        {"name": "no sales", "clauses": [{"attribute": "department", "operator": "NOT EQUALS", "value": "Sales"}]}
    ],
}
MAPPINGS = [
    {"target": "externalId", "source": "objectId", "match": 1},
    {"target": "userName", "source": "userPrincipalName", "match": 2},
    {"target": "name.givenName", "source": "givenName"},
    {"target": "name.familyName", "expression": "ToUpper([surname])"},
]


def _settings(base_url: str) -> dict[str, dict[str, Any]]:
    """The settings by file, each value at the end of a path of keys."""
    return {
        "settings.yaml": {
            "target": {"profile": "scim", "base_url": base_url},
            "guards": {
                "removals": {"count": 2, "percent": 60},
                "foreign_accounts": {"count": 50},
                "protected": ["ada.20@example.com"],
            },
            "lifecycle": {"removed": "delete", "out_of_scope": "deactivate"},
            "ownership": "externalId pr",
        },
        "scope.yaml": SCOPE,
    }


def _pull_apart(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Return the values that are no mappings, with their paths. A count beside the default percentage is looser."""
    if not isinstance(value, dict) or path == ("guards", "removals"):
        return [(path, value)]
    return [each for key, below in value.items() for each in _pull_apart(below, (*path, key))]


def _put(content: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        content = content.setdefault(key, {})
    content[path[-1]] = value


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def _write_fleet(root: Path, base_url: str, chance: random.Random) -> None:
    """Write each setting in a random layer, and some with another value in a layer that does not count."""
    _write(root / "fleet.yaml", {"tenants": "tenants/*"})
    _write(root / "tenants/acme/tenant.yaml", {"group": "schools", "domains": ["example.com"]})
    for name, content in _settings(base_url).items():
        layers: list[dict[str, Any]] = [{}, {}, {}]
        for path, value in _pull_apart(content):
            number = chance.randrange(3)
            _put(layers[number], path, value)
            if path[0] == "lifecycle" and number:
                _put(layers[chance.randrange(number)], path, "keep")
        for folder, found in zip(LAYERS, layers, strict=True):
            if found:
                _write(root / folder / name, found)
    _write(root / chance.choice(LAYERS) / "mappings.yaml", MAPPINGS)


def _write_flat(root: Path, base_url: str) -> None:
    files = _settings(base_url)
    files["settings.yaml"]["target"] |= {"tenant": "acme", "domains": ["example.com"]}
    for name, content in files.items():
        _write(root / name, content)
    _write(root / "mappings.yaml", MAPPINGS)


def _plan(state: Path) -> dict[str, Any]:
    """Return the plan without times, places and the digest of the files, which differ."""
    result = run(["reconciler", "plan", "--format", "json", "--state", str(state), "--now", "2026-12-01"])
    assert result.code in {0, 3, 5}, result.err
    plan = json.loads(result.out)
    for each in ("created_at", "expires_at", "commit", "config_digest"):
        plan.pop(each, None)
    for found in (*plan["resource_changes"], *plan["diagnostics"]):
        for each in ("origin", "file", "line", "column"):
            found.pop(each, None)
    return plan


@pytest.mark.parametrize("seed", range(6))
def test_a_layered_plan_is_the_plan_of_one_directory(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a repeatable test
    live = [make_user(number, id=f"id-{number}") for number in range(8)]
    people = [source(user) for user in live[2:]]
    people[0]["surname"], people[1]["department"] = "Changed", "Sales"
    people.append(source(make_user(20)))
    with FakeScimServer(users=live) as service:
        for name, value in (("TOKEN", service.token), ("ALLOWED_HOSTS", "127.0.0.1")):
            monkeypatch.setenv(f"RECONCILER_{name}", value)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
        fleet, flat = tmp_path / "fleet", tmp_path / "flat"
        _write_fleet(fleet, service.base_url, chance)
        _write_flat(flat, service.base_url)
        _write(flat / "users/people.yaml", people)
        shutil.copytree(flat / "users", fleet / "tenants/acme/users")
        layered, plain = _plan(fleet / "tenants/acme"), _plan(flat)
    assert {each["action"] for each in plain["resource_changes"]} >= {"create", "update", "deactivate"}
    assert layered == plain
