"""What stands in a NIR file: nodes by their path, and the edges between them, subgraphs opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import finite
from ..errors import FxlifError
from ..files import as_path, cannot

Floats = npt.NDArray[np.float64]
#: The versions of NIR whose files are read: the first number, and of 0 the second.
VERSIONS = ("0.2", "1")
#: Between the name of a subgraph and that of a node in it.
SEPARATOR = "/"


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One node: its path from the graph on, its type and its fields as they stand in the file."""

    path: str
    kind: str
    fields: Mapping[str, Any]

    def numbers(self, key: str, default: float | None = None) -> Floats:
        """A field as float64.

        Raises:
            FxlifError: it is missing, or not of finite numbers.
        """
        name, given = f"{self.path}.{key}", self.fields.get(key)
        if given is None:
            if default is None:
                raise FxlifError.must_be(name, "given", None, found="missing")
            return np.asarray(default, np.float64)
        return finite(name, given)

    def integers(self, key: str, n: int, default: int | None = None) -> tuple[int, ...]:
        """A field as ``n`` integers; a single one stands for all."""
        values = self.numbers(key, default).ravel()
        if values.size not in (1, n) or (values != np.rint(values)).any():
            raise FxlifError.must_be(f"{self.path}.{key}", f"{n} integers", values.tolist())
        return tuple(int(x) for x in np.broadcast_to(values, (n,)))


@dataclass(kw_only=True, eq=False)
class Graph:
    """All nodes, by path, in their order, and the edges between them.

    ``Input`` and ``Output`` of a subgraph are nodes like others; ``inputs`` and ``outputs`` are
    those of the whole graph.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def before(self, path: str) -> Iterator[str]:
        """The nodes from which an edge leads to ``path``."""
        return (a for a, b in self.edges if b == path)


def graph_of(source: Any) -> Graph:
    """The graph of a file, or of a ``nir.NIRGraph``.

    Raises:
        FxlifError: a file that cannot be read or is no NIR; edges that join nothing.
    """
    if hasattr(source, "to_dict"):
        return _opened(source.to_dict())
    path = as_path("source", source)
    content = _content(path)
    try:
        return _opened(content)
    except FxlifError as error:
        raise error.inside(path) from None


def _content(path: os.PathLike[str]) -> dict[str, Any]:
    """What stands in the file, groups as dictionaries."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise FxlifError.not_installed("nir", "'fxlif[nir]'") from None
    allowed, content, version = "a NIR file (HDF5)", None, None
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise cannot("read", path, error) from None
    try:
        with h5py.File(path, "r") as file:
            if "version" in file and "node" in file:
                version, content = _plain(file["version"]), _plain(file["node"])
    except Exception:
        # A damaged file makes HDF5 raise a dozen kinds of exceptions about its insides.
        raise FxlifError.must_be(
            str(path), allowed, path, found="a broken file or another kind"
        ) from None
    if not isinstance(content, dict) or not isinstance(version, str):
        found = "HDF5 without `version` and `node`"
        raise FxlifError.must_be(str(path), allowed, path, found=found)
    if not any(version == one or version.startswith(f"{one}.") for one in VERSIONS):
        raise FxlifError.must_be("version", f"{' or '.join(VERSIONS)} (of NIR)", version).inside(
            path
        )
    return content


def _plain(item: Any) -> Any:
    """A group of HDF5 as a dictionary, a dataset as what it holds, text decoded."""
    if hasattr(item, "items"):
        return {str(key): _plain(value) for key, value in item.items()}
    value = item[()]
    return value.decode() if isinstance(value, bytes) else value


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _opened(content: Mapping[str, Any]) -> Graph:
    if _text(content.get("type")) != "NIRGraph":
        raise FxlifError.must_be("node.type", "NIRGraph", content.get("type"))
    graph = Graph(metadata=content.get("metadata") or {})
    _add(graph, content, "")
    for kind, found in (("Input", graph.inputs), ("Output", graph.outputs)):
        found += [p for p, node in graph.nodes.items() if node.kind == kind and SEPARATOR not in p]
    if not graph.inputs:
        raise FxlifError.must_be("nodes", "with an Input", list(graph.nodes))
    return graph


def _add(graph: Graph, content: Mapping[str, Any], prefix: str) -> None:
    """Add the nodes and edges of a (sub)graph, whose paths begin with ``prefix``."""
    nodes = content.get("nodes")
    if not isinstance(nodes, Mapping) or not nodes:
        raise FxlifError.must_be(f"{prefix}nodes", "given", nodes, found="none")
    ends: dict[str, tuple[str, str]] = {}
    for name, node in nodes.items():
        path = f"{prefix}{name}"
        kind = _text(node.get("type")) if isinstance(node, Mapping) else "no node"
        if kind == "NIRGraph":
            _add(graph, node, f"{path}{SEPARATOR}")
            ends[name] = _gate(node, path, "Input"), _gate(node, path, "Output")
        else:
            graph.nodes[path] = Node(path=path, kind=kind, fields=node)
            ends[name] = path, path
    edges = content.get("edges")
    for pair in [] if edges is None else edges:
        a, b = (_text(end) for end in pair)
        for end in (a, b):
            if end not in ends:
                raise FxlifError.must_be(f"{prefix}edges", f"between {', '.join(ends)}", end)
        # Subgraphs are entered at their Input, and left at their Output.
        edge = ends[a][1], ends[b][0]
        if edge not in graph.edges:
            graph.edges.append(edge)


def _gate(content: Mapping[str, Any], path: str, kind: str) -> str:
    found = [name for name, node in content["nodes"].items() if _text(node.get("type")) == kind]
    if len(found) != 1:
        raise FxlifError.must_be(path, f"a subgraph with one {kind}", len(found))
    return f"{path}{SEPARATOR}{found[0]}"
