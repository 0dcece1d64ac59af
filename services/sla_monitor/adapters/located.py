"""Reads YAML and says in which line something stands, so that who edits a file is told where it is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml


def read_yaml(text: str) -> Any:
    """The data of a YAML text.

    Raises:
        yaml.YAMLError: it is no YAML, or gives a key twice.
        RecursionError: it nests too deeply.
    """
    root = _root(text)
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
    return yaml.safe_load(text)


def line_of(text: str, path: tuple[str | int, ...]) -> int:
    """The line, from 1, of what a path of keys and places leads to, or of the last thing on it that there is."""
    node, line = _root(text), 1
    for step in path:
        found = _step(node, step)
        if found is None:
            break
        node, line = found
    return line


def described(error: yaml.YAMLError) -> tuple[int, str]:
    """The line, from 1, at which a text stops being YAML, and what is wrong there, in one line."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return 1, str(error)
    line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
    return line, ": ".join(part for part in (error.context, error.problem) if part)


def _root(text: str) -> yaml.Node | None:
    root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    return root


def _nodes(node: yaml.Node | None) -> Iterator[yaml.Node]:
    left = [] if node is None else [node]
    seen: set[int] = set()
    while left:
        node = left.pop()
        if id(node) in seen:
            continue  # an alias
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            left += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            left += node.value


def _check_keys(node: yaml.MappingNode) -> None:
    keys = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in keys:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is given twice", problem_mark=key.start_mark)
            keys.add((key.tag, key.value))


def _step(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item, item.start_mark.line + 1
    return None
