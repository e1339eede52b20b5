from reconciler.entra.mapping_sources import build_attribute_source, build_constant_source, build_expression_source


def test_parameters_say_what_the_expression_says() -> None:
    found = build_expression_source('Replace(Mid([a], 1, 64), "-", , , IIF([b] <> "x", "y", [c]), , )')
    assert [each["key"] for each in found["parameters"]] == ["source", "oldValue", "replacementValue"]
    mid, old, iif = (each["value"] for each in found["parameters"])
    assert mid["expression"] == "Mid([a], 1, 64)"
    assert [each["value"]["expression"] for each in mid["parameters"]] == ["[a]", '"1"', '"64"']
    assert old == {"expression": '"-"', "name": "-", "type": "Constant", "parameters": []}
    assert [each["value"]["expression"] for each in iif["parameters"]] == ['[b] <> "x"', '"y"', "[c]"]


def test_attributes_and_constants_have_no_parameters() -> None:
    assert build_attribute_source("mail") == {
        "expression": "[mail]",
        "name": "mail",
        "type": "Attribute",
        "parameters": [],
    }
    assert build_constant_source('a"b') == {
        "expression": r'"a\"b"',
        "name": 'a"b',
        "type": "Constant",
        "parameters": [],
    }


def test_an_operator_is_a_function_of_numbered_parameters() -> None:
    found = build_expression_source('[a] & "b"')
    assert (found["name"], found["type"], found["expression"]) == ("&", "Function", '[a] & "b"')
    assert [each["key"] for each in found["parameters"]] == ["1", "2"]
