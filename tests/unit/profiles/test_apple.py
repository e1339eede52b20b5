from reconciler.profiles import PROFILES


def test_apple_takes_eleven_attributes_and_no_other() -> None:
    for name, days in (("apple-business-manager", 30), ("apple-school-manager", 120)):
        apple = PROFILES[name]
        taken = sum(row.mappable for row in apple.attributes)
        assert (taken, apple.closed.value, apple.quarantine_days.value) == (11, True, days)
        assert any(f"in the last {days} days" in cause for cause in apple.conflict_causes)
        assert apple.hosts == ("federation.apple.com",)
    assert (PROFILES["scim"].closed.value, PROFILES["scim"].hosts) == (False, ())
