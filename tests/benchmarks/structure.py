"""Static figures of the package, as docs/architecture.md lists them.

    .venv/bin/python tests/benchmarks/structure.py
    .venv/bin/python tests/benchmarks/structure.py --json
    .venv/bin/python tests/benchmarks/structure.py --root /path/to/another/checkout

Standard library only; nothing of the package is imported. A function's length counts its lines from `def` to its end,
docstring included. Imports under `TYPE_CHECKING` are not counted, imports inside functions are.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "reconciler"


def parse_modules(root: Path) -> dict[str, ast.Module]:
    """Return the syntax trees of the package's modules by dotted name."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text("utf-8"), str(path))
    return found


def function_lengths(trees: Mapping[str, ast.Module]) -> list[tuple[int, str]]:
    """Return lines and name of every function and method, shortest first."""
    return sorted(
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{module}.{node.name}")
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def import_graph(trees: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Return for each module the modules of the package that it imports at run time."""
    return {
        module: {name for name in _imported(tree) for name in [_module_of(name, trees)] if name and name != module}
        for module, tree in trees.items()
    }


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _imported(node)


def _module_of(name: str, trees: Mapping[str, ast.Module]) -> str | None:
    """Return the module that `package.module.name` is in; None if it is not of the package."""
    parts = name.split(".")
    candidates = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((candidate for candidate in candidates if candidate in trees), None)


def import_cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module (Tarjan, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    cycles: list[list[str]] = []
    for start in graph:
        if start in order:
            continue
        order[start] = low[start] = len(order)
        stack.append(start)
        work = [(start, iter(sorted(graph[start])))]
        while work:
            module, imports = work[-1]
            following = next((name for name in imports if name not in order or name in stack), None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[module])
                if low[module] == order[module]:
                    component = stack[stack.index(module) :]
                    del stack[stack.index(module) :]
                    cycles += [sorted(component)] if len(component) > 1 else []
            elif following not in order:
                order[following] = low[following] = len(order)
                stack.append(following)
                work.append((following, iter(sorted(graph[following]))))
            else:
                low[module] = min(low[module], order[following])
    return cycles


def duplicate_classes(trees: Mapping[str, ast.Module]) -> list[str]:
    """Return class names that occur more than once in the package."""
    names = [node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return sorted({name for name in names if names.count(name) > 1})


def count_layers(root: Path) -> int:
    """Return the layers of the import contract in pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    return max((len(contract["layers"]) for contract in contracts if contract["type"] == "layers"), default=0)


def measure(root: Path) -> dict[str, object]:
    """Return all figures by name."""
    trees = parse_modules(root)
    lengths = function_lengths(trees)
    lines = {name: _line_count(root, name) for name in trees}
    longest_module = max(lines, key=lambda name: lines[name])
    return {
        "modules": len(trees),
        "longest module": f"{lines[longest_module]} lines ({longest_module})",
        "functions": len(lengths),
        "function lines p50": lengths[len(lengths) // 2][0],
        "function lines p90": lengths[len(lengths) * 9 // 10][0],
        "function lines max": f"{lengths[-1][0]} ({lengths[-1][1]})",
        "functions over 40 lines": sum(length > 40 for length, _ in lengths),
        "import cycles": len(import_cycles(import_graph(trees))),
        "layers": count_layers(root),
        "class names used twice": len(duplicate_classes(trees)),
    }


def _line_count(root: Path, name: str) -> int:
    path = root.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return len(file.read_text("utf-8").splitlines())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Static figures of the package.")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.root)
    if options.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    width = max(map(len, figures))
    sys.stdout.writelines(f"{name:<{width}}  {figure}\n" for name, figure in figures.items())


if __name__ == "__main__":
    main()
