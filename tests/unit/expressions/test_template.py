import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.expressions.template import MAX_OUTPUT, MAX_SOURCE, compile_template
from reconciler.expressions.value_types import MappingTemplateError

ADA: dict[str, Any] = {
    "givenName": " Ada ",
    "surname": "Lovelace",
    "department": "R&D",
    "tags": ("one", "two"),
    "accountEnabled": True,
    "empty": "",
}


def render(source: str, attributes: dict[str, Any] | None = None) -> str | None:
    return compile_template(source)[0](ADA if attributes is None else attributes)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ surname }}", "Lovelace"),
        ("{{ givenName | trim }}.{{ surname | lower }}@example.com", "Ada.lovelace@example.com"),
        ("{{ department }}", "R&D"),
        ("{{ surname | upper }}", "LOVELACE"),
        ("{{ 'ada' | title }} {{ 'ADA' | capitalize }}", "Ada Ada"),
        ('{{ department | replace("&", " and ") }}', "R and D"),
        ("{{ surname | truncate(5, true, '…', 0) }}", "Love…"),
        ("{{ surname | first }}{{ surname | last }}{{ surname | length }}", "Le8"),
        ("{{ surname | reverse }}", "ecalevoL"),
        ('{{ "a b c" | wordcount }}', "3"),
        ("{{ surname[0] }}{{ surname[-1] }}{{ surname[:3] }}{{ surname[::2] }}", "LeLovLvlc"),
        ("{{ tags | first }}", "one"),
        ('{{ tags | join(", ") }}', "one, two"),
        ("{{ tags[1] }}", "two"),
        ('{{ surname ~ ", " ~ department }}', "Lovelace, R&D"),
        ('{{ "yes" if accountEnabled else "no" }}', "yes"),
        ("{% if department == 'R&D' %}x{% elif surname %}y{% else %}z{% endif %}", "x"),
        ("{% if department == 'Sales' %}x{% elif surname %}y{% else %}z{% endif %}", "y"),
        ("{{ 'in' if 'ove' in surname and not (surname is lower) else 'out' }}", "in"),
        ("{# comment #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ accountEnabled }}", "True"),
        ("{{ empty }}", ""),
        ("<b>{{ department }}</b>", "<b>R&D</b>"),
    ],
)
def test_templates(source: str, value: str | None) -> None:
    assert render(source) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ missing }}", None),
        ("{{ surname }}.{{ missing }}", None),
        ("{{ missing | upper }}", None),
        ("{{ missing ~ 'x' }}", None),
        ("{{ missing[0] }}", None),
        ("{{ surname[100] }}", None),
        ("{{ 'x' if missing else 'y' }}", None),
        ("{{ 'x' if missing == 'a' else 'y' }}", None),
        ("{{ 'x' if surname == 'nobody' }}", ""),
        ("{% if missing %}x{% endif %}", None),
        ("{{ missing | default('x') }}", "x"),
        ("{{ missing | d('x') | upper }}", "X"),
        ("{{ missing | default('x', true) }}", "x"),
        ("{{ empty | default('x', true) }}", "x"),
        ("{{ missing | default(surname) }}", "Lovelace"),
        ("{{ missing | default(missing2) }}", None),
        ("{{ 'x' if missing is defined else 'y' }}", "y"),
        ("{{ 'x' if missing is undefined else 'y' }}", "x"),
        ("{% if missing is defined and missing == 'a' %}x{% else %}y{% endif %}", "y"),
    ],
)
def test_a_template_that_needs_an_unassigned_attribute_has_no_value(source: str, value: str | None) -> None:
    assert render(source) == value


def test_a_template_says_which_attributes_it_reads() -> None:
    source = "{% if b is defined %}{{ b }}{% endif %}{{ a | default(c) }}{{ a }}{{ 'd' }}"
    assert sorted(compile_template(source)[1]) == ["a", "b", "c"]
    assert compile_template("plain")[1] == ()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ surname.__class__ }}", "attribute access with a dot cannot be used in a mapping"),
        ("{{ surname['__class__'] }}", "only a position such as [0] or [:3] can be taken"),
        ("{{ surname[surname] }}", "only a position such as [0] or [:3] can be taken"),
        ("{{ surname[1:surname] }}", "only a position such as [0] or [:3] can be taken"),
        ("{{ surname | attr('x') }}", "there is no filter attr; there are capitalize, d,"),
        ("{{ surname | safe }}", "there is no filter safe; there are capitalize, d,"),
        ("{{ surname | center(1000000000) }}", "there is no filter center; there are capitalize, d,"),
        ("{{ surname | map('upper') }}", "there is no filter map; there are capitalize, d,"),
        ("{{ '%s' | format(surname) }}", "there is no filter format; there are capitalize, d,"),
        ("{{ surname is callable }}", "there is no test callable; there are boolean, defined,"),
        ("{{ surname.upper() }}", "a call cannot be used in a mapping"),
        ("{{ range(10) }}", "a call cannot be used in a mapping"),
        ("{% for a in surname %}{{ a }}{% endfor %}", "a loop cannot be used in a mapping"),
        ("{% set x = 1 %}{{ x }}", "an assignment cannot be used in a mapping"),
        ("{{ 'a' * 1000000000 }}", "multiplication cannot be used in a mapping"),
        ("{{ 10 ** 10 }}", "Pow cannot be used in a mapping"),
        ("{{ 1 + 1 }}", "Add cannot be used in a mapping"),
        ("{{ [surname] }}", "List cannot be used in a mapping"),
        ("{{ {'a': surname} }}", "Dict cannot be used in a mapping"),
        ("{% macro m() %}{% endmacro %}", "Macro cannot be used in a mapping"),
        ("{% include 'x' %}", "Include cannot be used in a mapping"),
        ("{% import 'x' as y %}", "Import cannot be used in a mapping"),
        ("{% extends 'x' %}", "Extends cannot be used in a mapping"),
        ("{% block b %}{% endblock %}", "Block cannot be used in a mapping"),
        ("{% filter upper %}x{% endfilter %}", "FilterBlock cannot be used in a mapping"),
        ("{% with x = 1 %}{% endwith %}", "With cannot be used in a mapping"),
        ("{{ self }}", "self is not an attribute"),
        ("{{ loop }}", "loop is not an attribute"),
        ("{{ varargs }}", "varargs is not an attribute"),
        ("{{ surname", "unexpected end of template"),
        ("{{ }}", "Expected an expression"),
        ("{% if %}", "Expected an expression"),
        ("{% debug %}", "Encountered unknown tag 'debug'."),
    ],
)
def test_what_is_not_on_the_list_is_refused(source: str, message: str) -> None:
    with pytest.raises(MappingTemplateError) as caught:
        compile_template(source)
    assert str(caught.value).startswith(message)


def test_an_error_has_its_line() -> None:
    for source in ("a\n{{ surname }}\n{{ surname | attr('x') }}", "a\nb\n{{ surname"):
        with pytest.raises(MappingTemplateError) as caught:
            compile_template(source)
        assert caught.value.line == 3


@pytest.mark.parametrize(
    "source",
    [
        "{{ surname | truncate(1) }}",
        "{{ surname | truncate('x') }}",
        "{{ surname | replace('x') }}",
        "{{ accountEnabled | first }}",
        "{{ accountEnabled | length }}",
        "{{ accountEnabled | join }}",
        "{{ 'x' in accountEnabled }}",
        "{{ surname | join(',', 'upper') }}",
        "{{ surname | join(attribute='upper') }}",
        "{{ -surname }}",
        "{{ surname[::0] }}",
        "{{ surname | trim(5) }}",
        "{{ surname < 5 }}",
        "{{ surname | default(nonsense=1) }}",
        "{{ tags }}",
    ],
)
def test_what_fails_for_a_user_is_an_error_and_nothing_else(source: str) -> None:
    with pytest.raises(MappingTemplateError):
        render(source)


def test_several_values_must_be_reduced_to_one() -> None:
    with pytest.raises(MappingTemplateError, match="choose one with first, last or join"):
        render("{{ tags }}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(surname ~ " * 150 + "'x'" + ")" * 150 + " }}",
        "{{ " + "not " * 480 + "surname }}",
        "{{ " + "(" * 4_000 + "surname" + ")" * 4_000 + " }}",
        "{% if surname %}" * 120 + "x" + "{% endif %}" * 120,
        "{{ surname" + " | upper" * 480 + " }}",
        "{{ surname" + " ~ surname" * 600 + " }}",
    ],
)
def test_a_template_that_nests_or_repeats_too_much_is_an_error_and_nothing_else(source: str) -> None:
    with pytest.raises(MappingTemplateError):
        render(source)


def test_a_template_has_a_limit() -> None:
    assert render("x" * MAX_SOURCE) == "x" * MAX_SOURCE
    with pytest.raises(MappingTemplateError, match=r"longer than 10,000 characters"):
        compile_template("x" * (MAX_SOURCE + 1))


@pytest.mark.parametrize(
    "source",
    [
        "{{ a }}",
        "{{ b }}{{ b }}",
        "{{ b ~ b }}",
        "{{ b | join(b) }}",
        "{{ b | replace('', b) }}",
        "{{ b | replace('x', b) }}",
        "{{ b | replace('x', b) | replace('x', b) }}",
    ],
)
def test_a_result_has_a_limit(source: str) -> None:
    rule = compile_template(source)[0]
    with pytest.raises(MappingTemplateError, match="more than 10,000 characters"):
        rule({"a": "x" * (MAX_OUTPUT + 1), "b": "x" * (MAX_OUTPUT - 1)})


def test_replacing_measures_before_it_makes() -> None:
    assert peak("{{ a | replace('x', a) }}") < 1_000_000


def test_joining_measures_before_it_makes() -> None:
    assert peak("{{ a | join(a) }}") < 1_000_000


def peak(source: str) -> int:
    """Bytes that rendering takes at its highest; the attribute `a` has 4,000 characters."""
    rule = compile_template(source)[0]
    tracemalloc.start()
    try:
        with pytest.raises(MappingTemplateError):
            rule({"a": "x" * 4_000})
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text() | st.booleans() | st.lists(st.text()).map(tuple)))
def test_a_rule_gives_text_or_nothing_or_an_error(attributes: dict[str, Any]) -> None:
    rule = compile_template("{{ a | trim | replace(b, 'x') | truncate(5) }}{{ b[0] | default('z') }}{{ a in b }}")[0]
    try:
        found = rule(attributes)
    except MappingTemplateError:
        return
    assert found is None or isinstance(found, str)


def test_rules_do_not_share_or_change_what_they_read() -> None:
    rule = compile_template("{{ a }}")[0]
    attributes = {"a": "1"}
    assert (rule(attributes), rule({"a": "2"}), attributes) == ("1", "2", {"a": "1"})
