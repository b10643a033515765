"""The house rules: import direction, sizes, documented names, nothing evaluated, no stray print."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import FUNCTION_LINES, LAYERS, MODULE_LINES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "crosslevel"
MODULES = sorted(PACKAGE.rglob("*.py"))
RANK = {room: rank for rank, layer in enumerate(LAYERS) for room in layer}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "print", "breakpoint"}
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "shelve", "marshal", "yaml"}


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _room(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def _imported_rooms(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.startswith("crosslevel."):
                    yield name.name.split(".")[1]
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] != "crosslevel":
                continue
            if len(parts) > 1:
                yield parts[1]
            else:
                yield from (name.name for name in node.names)


def _identifier(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=_identifier)
def test_imports_run_one_way(path: Path) -> None:
    room = _room(path)
    if room == "__init__":
        return
    assert room in RANK, f"{room} is in no layer of tests/house.py"
    for other in _imported_rooms(_tree(path)):
        if other not in (room, "__version__"):
            assert RANK[other] < RANK[room], f"{path.name} ({room}) imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=_identifier)
def test_sizes(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body and node.end_lineno is not None:
                length = node.end_lineno - body[0].lineno + 1
                assert length <= FUNCTION_LINES, f"{path.name}:{node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=_identifier)
def test_public_names_are_documented(path: Path) -> None:
    tree = _tree(path)
    assert ast.get_docstring(tree), f"{path.name} says nothing about itself"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path.name}: {node.name} has no docstring"


@pytest.mark.parametrize("path", MODULES, ids=_identifier)
def test_nothing_is_evaluated_or_printed(path: Path) -> None:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS, f"{path.name}:{node.lineno} {node.func.id}"
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            assert not names & FORBIDDEN_IMPORTS, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.module.split(".")[0] not in FORBIDDEN_IMPORTS, f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=_identifier)
def test_names_say_something(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "misc"}


def test_top_level_is_as_agreed() -> None:
    expected = {
        "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "Makefile", "requirements.lock",
        ".ci", "src", "surveys", "analysis", "reports", "tests", ".gitignore",
    }  # fmt: skip
    ignored = {
        ".git",
        ".venv",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
        "dist",
    }
    assert {p.name for p in ROOT.iterdir()} - ignored == expected


def test_lock_has_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|\bfile:|^-", lock, flags=re.MULTILINE), "an address or an option"
    pinned = re.findall(r"^[a-z0-9][\w.-]*==", lock, flags=re.MULTILINE)
    assert pinned
    for block in re.split(r"\n(?=[a-z0-9])", lock):
        assert "--hash=sha256:" in block, block.splitlines()[0]
