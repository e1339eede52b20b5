import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.laws import examples

from reconciler.expressions import grammar
from reconciler.expressions.functions.registry import FUNCTIONS
from reconciler.expressions.language import (
    Context,
    Evaluation,
    EvaluationError,
    ExpressionError,
    Failed,
    IgnoreFlow,
    NotEvaluated,
    Result,
    compile_expression,
    explain,
    split_alternatives,
)
from reconciler.expressions.value_types import MAX_LENGTH

SOON = 30
"""Seconds, on a busy machine; alone, each case takes well under one."""
CONTEXT = Context(datetime(2026, 3, 1, 12, tzinfo=UTC), lambda _value: False, lambda below: below // 2, creating=True)
ADA: dict[str, Any] = {
    "givenName": "Ada",
    "surname": "Lovelace",
    "empty": "",
    "accountEnabled": True,
    "IsSoftDeleted": False,
    "proxyAddresses": ("SMTP:a@x", "smtp:b@x"),
    "one": ("single",),
    "none": (),
    "long": "x" * MAX_LENGTH,
}


def value(source: str, attributes: dict[str, Any] | None = None) -> Result:
    return compile_expression(source).evaluate(ADA if attributes is None else attributes, CONTEXT)


def compile_error(source: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    return caught.value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[givenName]", "Ada"),
        ("[ givenName ]", "Ada"),
        ("[missing]", None),
        ("[none]", None),
        ("[empty]", ""),
        ("[accountEnabled]", "True"),
        ("[IsSoftDeleted]", "False"),
        ("[proxyAddresses]", ("SMTP:a@x", "smtp:b@x")),
        ('"text"', "text"),
        (r'"a \"b\" \\ c \d"', r'a "b" \ c \d'),
        ('"two\nlines"', "two\nlines"),
        ("12", "12"),
        ("&HF", "15"),
        ("-3.5", "-3.5"),
        ('\n Append( [givenName]\t,\r\n "." ) ', "Ada."),
        ('"t-" & [givenName] & [missing] & 1', "t-Ada1"),
        ("ToLower([one])", "single"),
        ("IgnoreAttributeFlow", IgnoreFlow.ATTRIBUTE),
        ('IIF([givenName] = "Ada", IgnoreObjectFlow, "x")', IgnoreFlow.OBJECT),
        ('IIF([givenName] = "Bob", IgnoreObjectFlow, "x")', "x"),
        ('Append(IgnoreFlowIfNullOrEmpty([empty]), "x")', IgnoreFlow.ATTRIBUTE),
    ],
)
def test_the_parts_of_an_expression(source: str, expected: Result) -> None:
    assert value(source) == expected


@pytest.mark.parametrize("name", ["Foo", "Concat", "Substring", "Test"])
def test_a_function_that_is_like_none_gets_no_hint(name: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(f"{name}([a])")
    assert str(caught.value) == f"there is no function {name}"


@pytest.mark.parametrize(
    ("source", "message", "position"),
    [
        ("", "the expression is empty", 0),
        ("Nott([a])", "there is no function Nott. Did you mean Not?", 0),
        ('Append("x", tolower([a]))', "names are case-sensitive. Did you mean ToLower?", 12),
        ('switch([a], "", "b", "c")', "names are case-sensitive. Did you mean Switch?", 0),
        ("Zzz()", "there is no function Zzz", 0),
        ("Tirm([a])", "there is no function Tirm. Did you mean Trim?", 0),
        ("Upper([a])", "there is no function Upper. Did you mean ToUpper?", 0),
        ("DefaultDomain()", "Entra knows DefaultDomain but does not document it", 0),
        ('Append("x, [a])', "the string that starts here has no closing quote", 7),
        ("Not([a)", "the attribute name that starts here has no closing bracket", 4),
        ("Not(['a'])x", "x is not allowed here", 10),
        ("Not([])", "the brackets contain no attribute name", 4),
        ("Not('a')", "strings use double quotes", 4),
        ("Append(“a”, “b”)", "a typographic quote", 7),
        ("Not([a]", "the expression ends too early", 7),
        ("Not([a]))", ") is not allowed here", 8),
        ("([a])", "( is not allowed here", 0),
        ('Append("a" "b")', "a string here: is a comma missing", 11),
        ('IIF([a] = "b" AND [c] = "d", "e", "f")', "AND is not an operator: nest IIF instead", 14),
        ('IIF([a] = "b" = "c", "e", "f")', "= is not allowed here", 14),
        ("[a] + [b]", "there is no arithmetic", 4),
        ('[a] = "b"', "a comparison is a condition", 4),
        ('Append([a] = "b", "c")', "a comparison is a condition", 11),
        ("Append([a])", "Append needs 2 arguments: suffix is missing", 0),
        ("Append([a], )", "Append needs its argument suffix", 0),
        ('Append([a], "b", "c")', "Append takes 2 arguments, not 3", 0),
        ("Not()", "Not needs 1 argument: source is missing", 0),
        ("Now([a])", "Now takes 0 arguments, not 1", 0),
        ('IIF(True, "a", "b")', 'True is a bare word: write "True"', 4),
        ("Not(a)", 'a is a bare word: write [a] for the attribute, "a" for the text', 4),
        ("Not(Now)", "Now is a bare word: a function needs parentheses", 4),
        ("ToLower(UTF8)", "UTF8 is a bare word", 8),
        ('InStr("a", "b", 1, vbFoo)', "it can be vbBinaryCompare or vbTextCompare", 19),
        ('Mid([a], "x", 1)', '"x" is not a whole number', 9),
        ("Mid([a], 0, 1)", 'positions start at 1, not "0"', 9),
        ("Mid([a], 1, -1)", '"-1" is negative', 12),
        ('DateAdd("day", 1, [a])', '"day" is not an interval: yyyy, m, d, ww, h, n, s', 8),
        ('CDate("soon")', 'this can never have a value: "soon" is not a date', 0),
        ('Not(SelectUniqueValue("a", "b"))', "SelectUniqueValue cannot be nested", 4),
        ('SelectUniqueValue("a")', "SelectUniqueValue needs 2 arguments", 0),
        ('Not(Switch([a], "b", "c"))', "Switch needs 4 arguments", 4),
        ('Not(Switch([a], "b", "c", "d", "e"))', "keys and values in pairs", 4),
        ('Switch([a], "b", "c", )', "Switch needs its argument value", 0),
        ("x" * (MAX_LENGTH + 1), "longer than 10,000 characters", MAX_LENGTH),
    ],
)
def test_an_error_is_named_where_it_is(source: str, message: str, position: int) -> None:
    found = compile_error(source)
    assert message in str(found)
    assert found.position == position


def test_an_expression_says_what_it_reads_and_calls() -> None:
    expression = compile_expression('IIF([b]="x",Append([a],[b]),ToLower("Y"))')
    assert expression.attributes == ("b", "a")
    assert expression.functions == {"IIF", "Append", "ToLower"}
    assert expression.text == 'IIF([b] = "x", Append([a], [b]), ToLower("Y"))'


def test_several_values_must_be_reduced_to_one() -> None:
    with pytest.raises(EvaluationError, match="2 values where one is needed"):
        value("ToLower([proxyAddresses])")


def test_constant_parts_are_computed_once() -> None:
    assert value('IIF([givenName] = "x", ToLower("A"), Replace("a-b", "-", , , "", , ))', {}) == "ab"


def test_what_is_random_stays_out_of_later_requests() -> None:
    later = Context(CONTEXT.now, CONTEXT.taken, CONTEXT.random, creating=False)
    for source in ("Guid()", "RandomString(6,3,0,0,3)", 'SelectUniqueValue("a", "b")'):
        assert compile_expression(source).evaluate(ADA, later) is IgnoreFlow.ATTRIBUTE


def test_an_explanation_shows_every_part() -> None:
    expression = compile_expression('IIF([givenName] = "Ada", Append([surname], "!"), Error("no"))')
    text = compile_expression('Append([surname], "!")').text
    assert explain(expression, ADA, CONTEXT) == Evaluation(
        expression.text,
        "Lovelace!",
        (
            Evaluation(
                '[givenName] = "Ada"', "True", (Evaluation("[givenName]", "Ada", ()), Evaluation('"Ada"', "Ada", ()))
            ),
            Evaluation(text, "Lovelace!", (Evaluation("[surname]", "Lovelace", ()), Evaluation('"!"', "!", ()))),
            Evaluation('Error("no")', NotEvaluated(), (Evaluation('"no"', NotEvaluated(), ()),)),
        ),
    )


def test_an_explanation_shows_what_failed() -> None:
    found = explain(compile_expression("ToLower(Item([proxyAddresses], 3))"), ADA, CONTEXT)
    assert isinstance(found.value, Failed)
    assert found.parts[0].value == found.value
    assert found.parts[0].parts[0].value == ADA["proxyAddresses"]
    ignored = explain(compile_expression("IgnoreFlowIfNullOrEmpty([empty])"), ADA, CONTEXT)
    assert (ignored.value, ignored.parts[0].value) == (IgnoreFlow.ATTRIBUTE, "")


def test_an_explanation_of_too_long_a_result_is_a_failure() -> None:
    found = explain(compile_expression("Append([long], [long])"), ADA, CONTEXT)
    assert isinstance(found.value, Failed)
    assert found.parts[0].value == ADA["long"]


def test_an_explanation_keeps_what_is_redacted() -> None:
    found = explain(compile_expression('Append("a", Redact([surname] & "x"))'), ADA, CONTEXT)
    assert "Lovelace" not in repr(found)
    assert found.value == "[Redact]"
    assert found.parts[0].value == "a"


NAMES = sorted(FUNCTIONS)
TEXTS = st.text(max_size=8) | st.sampled_from(
    ["", "True", "1", "-3", "2020-03-16-07:00", "yyyy-MM-dd", "d", "(?<a>b*)", "${a}", "$1", "\\w+", "tr-TR", "[", "\\"]
)
ATTRIBUTE_NAMES = st.sampled_from(["a", "b", "c", "d"])
LEAVES = (
    TEXTS.map(grammar.String)
    | st.integers(-(10**19) + 1, 10**19 - 1).map(lambda number: grammar.Number(str(number)))
    | st.integers(0, 4).map(lambda number: grammar.Number(str(number)))
    | st.integers(0, 16**15 - 1).map(lambda number: grammar.Number(f"&H{number:X}"))
    | ATTRIBUTE_NAMES.map(grammar.AttributeReference)
    | st.sampled_from(["vbTextCompare", "vbBinaryCompare", "UTF8", "IgnoreAttributeFlow", "x"]).map(grammar.Keyword)
)


def calls(nodes: st.SearchStrategy[grammar.Node]) -> st.SearchStrategy[grammar.Node]:
    arguments = st.lists(nodes | st.just(grammar.Omitted()), max_size=7).map(tuple)
    arguments = arguments.map(lambda given: () if given == (grammar.Omitted(),) else given)
    single = nodes.filter(lambda node: not isinstance(node, grammar.Compare | grammar.Concatenation))
    parts = nodes.filter(lambda node: not isinstance(node, grammar.Compare))
    return (
        st.builds(grammar.Call, st.sampled_from([*NAMES, "Nothing"]), arguments)
        | st.builds(grammar.Compare, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), parts, parts)
        | st.lists(single, min_size=2, max_size=3).map(tuple).map(grammar.Concatenation)
        | st.builds(fitting, st.sampled_from(NAMES), st.lists(nodes, min_size=8, max_size=8), st.integers(0, 3))
    )


def fitting(name: str, nodes: list[grammar.Node], more: int) -> grammar.Node:
    """A call with a number of arguments that the function takes."""
    function = FUNCTIONS[name]
    count = len(function.parameters) + function.repeating * more
    return grammar.Call(name, tuple(nodes[: min(count, 8)]))


TREES = st.recursive(LEAVES, calls, max_leaves=12)
VALUES = st.text(max_size=20) | st.booleans() | st.lists(TEXTS, max_size=4).map(tuple) | TEXTS
ATTRIBUTES = st.dictionaries(ATTRIBUTE_NAMES, VALUES)


@given(TREES)
def test_printing_and_parsing_give_the_same_tree(tree: grammar.Node) -> None:
    text = grammar.format_tree(tree)
    assert grammar.parse(text) == tree
    assert grammar.format_tree(grammar.parse(text)) == text


@settings(max_examples=examples(400))
@given(TREES, ATTRIBUTES)
def test_whatever_is_written_ends_in_a_result_or_in_one_of_two_errors(
    tree: grammar.Node, attributes: dict[str, Any]
) -> None:
    try:
        expression = compile_expression(grammar.format_tree(tree))
        found = expression.evaluate(attributes, CONTEXT)
    except (ExpressionError, EvaluationError):
        return
    assert found is None or isinstance(found, str | tuple | IgnoreFlow)
    assert explain(expression, attributes, CONTEXT).value in (found, "[Redact]")


@settings(max_examples=examples(200))
@given(st.sampled_from(NAMES), st.lists(VALUES, max_size=7))
def test_every_function_takes_any_values(name: str, values: list[Any]) -> None:
    attributes = {f"a{index}": each for index, each in enumerate(values)}
    source = f"{name}({', '.join(f'[{each}]' for each in attributes)})"
    try:
        compile_expression(source).evaluate(attributes, CONTEXT)
    except (ExpressionError, EvaluationError):
        return


@given(st.text(max_size=60) | st.text('()[]",&=<>\\ abN1HF', max_size=60))
def test_any_text_is_an_expression_or_an_error(source: str) -> None:
    position = 0
    try:
        compile_expression(source)
    except ExpressionError as caught:
        position = caught.position
    assert 0 <= position <= len(source)


HOSTILE = {
    "parentheses": "(" * 100_000,
    "open calls": "Not(" * 2_000,
    "deep calls": "Not(" * 1_500 + "[a]" + ")" * 1_500,
    "closing": ")" * 9_999,
    "brackets": "[" * 9_999,
    "quotes": '"' * 9_999,
    "backslashes": '"' + "\\" * 9_990,
    "commas": "Join(" + "," * 9_000 + ")",
    "ampersands": "&" * 9_000,
    "huge number": "9" * 9_000,
    "huge hexadecimal": "&H" + "F" * 9_000,
    "long name": "a" * 9_999 + "(",
    "repeats": 'Replace([a], , "((a{1000}){1000}){1000}", , "x", , )',
    "large repeats": 'Replace([a], , "' + r"(\\w{1000}){1,9}" * 20 + '", , "x", , )',
    "many groups": 'Replace([a], , "' + "(a)" * 300 + '", , "x", , )',
    "nested pattern": 'Replace([a], , "' + "(" * 900 + ")" * 900 + '", , "x", , )',
    "long format": 'FormatDateTime([a], , "' + "y" * 5_000 + '", "yyyy")',
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_malicious_expressions_are_rejected_quickly(source: str) -> None:
    start = time.perf_counter()
    compile_error(source)
    assert time.perf_counter() - start < SOON


def test_depth_has_a_limit() -> None:
    assert value("Not(" * 49 + "[IsSoftDeleted]" + ")" * 49) == "True"
    assert "calls nest deeper than 50" in str(compile_error("Not(" * 50 + "[IsSoftDeleted]" + ")" * 50))


def test_many_arguments_are_no_depth() -> None:
    assert value("Join(" + ",".join(['"a"'] * 2_000) + ")") == "a".join("a" * 1_999)
    assert value(" & ".join(["[givenName]"] * 500)) == "Ada" * 500


BOMBS = [
    "Append([long], [long])",
    "Join([long], [givenName], [surname])",
    'Join("", [long], [long])',
    '[long] & "x"',
    'Replace([long], "x", , , [long], , )',
    'Replace("x", "x", , , [long] & "y", , )',
    'Replace([long], "x", , , , , [long])',
    'Replace([long], , "x", , [long], , )',
    'Replace([long], , "", , [long], , )',
    'Replace([long], , "(?<a>x)", , "${a}${a}", , )',
    'Replace([long], , "(?<a>x)", "a", [long], , )',
    "ConvertToBase64([long])",
    'Split([long], "x")',
    "ConvertToUTF8Hex([long])",
]


@pytest.mark.parametrize("source", BOMBS)
def test_growth_is_refused_before_it_is_built(source: str) -> None:
    expression = compile_expression(source)
    start = time.perf_counter()
    with pytest.raises(EvaluationError):
        expression.evaluate(ADA, CONTEXT)
    assert time.perf_counter() - start < SOON
    tracemalloc.start()
    try:
        with pytest.raises(EvaluationError):
            expression.evaluate(ADA, CONTEXT)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_an_attribute_has_a_limit() -> None:
    for attributes in (
        {"a": "x" * (MAX_LENGTH + 1)},
        {"a": ("x",) * 1_001},
        {"a": ("x" * MAX_LENGTH,) * 11},
        {"a": ("x" * (MAX_LENGTH + 1), "y")},
    ):
        with pytest.raises(EvaluationError):
            value("Count([a])", attributes)


@pytest.mark.parametrize("pattern", [r"(x+x+)+y", r"(x*)*y", r"(x|x)*y", r"^(\w+\s?)*$", r"(\w*)*@"])
def test_a_catastrophic_pattern_is_harmless(pattern: str) -> None:
    start = time.perf_counter()
    attributes = {"t": "x" * 5_000, "p": pattern}
    value('Replace([t], , "' + pattern.replace("\\", "\\\\") + '", , "", , )', attributes)
    value('Replace([t], , [p], , "", , )', attributes)
    assert time.perf_counter() - start < SOON


@pytest.mark.parametrize("pattern", ["(x|y)*x(x|y){200}z|x|y", r"(\w|y)*x(\w|y){20}z|x|y", "x*x*x*x*x*x*z|x|y"])
def test_many_long_searches_have_a_limit(pattern: str) -> None:
    mixed = "".join("xy"[number * number // 7 % 2] for number in range(MAX_LENGTH))
    start = time.perf_counter()
    with pytest.raises(EvaluationError, match="takes too long"):
        value('Replace([t], , [p], , "", , )', {"t": mixed, "p": pattern})
    assert time.perf_counter() - start < SOON


def test_the_rules_of_a_unique_value_are_expressions_of_their_own() -> None:
    found = split_alternatives(compile_expression('SelectUniqueValue([a], Join("-", [a], [b]), "x")'))
    assert [(each.text, each.attributes) for each in found] == [
        ("[a]", ("a",)),
        ('Join("-", [a], [b])', ("a", "b")),
        ('"x"', ()),
    ]
    context = Context(datetime(2026, 3, 1, tzinfo=UTC), lambda _value: False, lambda _below: 0, creating=True)
    assert [each.evaluate({"a": "1", "b": "2"}, context) for each in found] == ["1", "1-2", "x"]


def test_any_other_expression_is_its_only_alternative() -> None:
    compiled = compile_expression("Trim([a])")
    assert split_alternatives(compiled) == (compiled,)
