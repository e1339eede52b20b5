from reconciler.core.provisioning import ON, Provisioning


def test_the_switch_as_text() -> None:
    assert [
        str(each) for each in (ON, Provisioning(enabled=False), Provisioning(enabled=False, reason='Move "now"'))
    ] == [
        "on",
        "off",
        'off: "Move \\"now\\""',
    ]
