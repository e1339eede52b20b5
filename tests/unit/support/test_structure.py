"""The figures of the structure: cycles, lengths and imports as they are counted."""

import ast

from benchmarks.structure import ROOT, duplicate_classes, function_lengths, import_cycles, import_graph, parse_modules

TREES = {
    "reconciler": ast.parse(""),
    "reconciler.a": ast.parse("from reconciler.b import f\nfrom typing import TYPE_CHECKING\nclass C: ..."),
    "reconciler.b": ast.parse("def f():\n    'Doc.'\n    from reconciler import a\n    return a"),
    "reconciler.c": ast.parse("if TYPE_CHECKING:\n    from reconciler import a\nimport reconciler.b\nclass C: ..."),
}


def test_imports_inside_functions_count_and_those_for_types_do_not() -> None:
    graph = import_graph(TREES)
    assert graph == {
        "reconciler": set(),
        "reconciler.a": {"reconciler.b"},
        "reconciler.b": {"reconciler.a"},
        "reconciler.c": {"reconciler.b"},
    }
    assert import_cycles(graph) == [["reconciler.a", "reconciler.b"]]


def test_each_cycle_is_found_once() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a", "f"}, "f": {"e"}}
    assert import_cycles(graph) == [["b", "c"], ["e", "f"]]
    assert import_cycles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_a_function_is_as_long_as_its_lines_and_names_of_classes_are_compared() -> None:
    assert function_lengths(TREES) == [(4, "reconciler.b.f")]
    assert duplicate_classes(TREES) == ["C"]


def test_the_package_has_no_import_cycle_and_no_class_name_twice() -> None:
    trees = parse_modules(ROOT)
    assert import_cycles(import_graph(trees)) == []
    assert duplicate_classes(trees) == []
