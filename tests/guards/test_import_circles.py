"""No module imports itself by way of others, imports inside functions counted; imports for type checking alone are not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below `node` but what stands under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for alternative in child.orelse:
                yield alternative
                yield from runtime_nodes(alternative)
            continue
        yield child
        yield from runtime_nodes(child)


def imported(path: Path, modules: set[str]) -> set[str]:
    found: set[str] = set()
    for node in runtime_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found & modules


def test_there_are_no_import_circles() -> None:
    paths = {module_name(path): path for path in (SOURCE / "vinculum").rglob("*.py")}
    graph = {name: imported(path, set(paths)) - {name, "vinculum"} for name, path in paths.items()}
    assert sum(map(len, graph.values())) > 100
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None
