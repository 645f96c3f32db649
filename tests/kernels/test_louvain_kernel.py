"""The kernels find the very labels of `reference_louvain`, whatever the launch and the memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from awkward_graphs import GRAPHS, knn, planted, ring, star
from kernel_canvas import DEVICE, there
from planted import graph_of
from scopeside.messages import Graph
from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.louvain import (
    Blocks,
    Rows,
    Workspace,
    launches,
    louvain,
    plan,
    read,
    run,
)
from scopeside_kernels.louvain.ledger import HEAD_SIZE
from scopeside_kernels.reference_louvain import GraphBoundsError, Stage

SHORT = (
    (Stage(6, 2), Stage(5, 4)),
    (Stage(4, 2, within=True), Stage(4, 2)),
    (Stage(3, 2),),
)
"""Few launches, as the interpreter takes milliseconds for each; every kind of stage."""
STARTS = 2
GARBAGE = -77


def rows_of(graph: Graph) -> Rows:
    weights_E = None if graph.weights_E is None else there(graph.weights_E)
    return Rows.from_csr(there(graph.offsets), there(graph.neighbours_E), weights_E)


def ell_rows_of(graph: Graph) -> Rows:
    """Rows of equal width, what is past their ends unusable as neighbour and as weight."""
    degree_N = np.diff(graph.offsets)
    width = int(degree_N.max()) + 3
    used_NK = np.arange(width) < degree_N[:, None]
    neighbours_NK = np.full((graph.nodes, width), 1 << 30, np.int32)
    neighbours_NK[used_NK] = graph.neighbours_E
    weights_NK = np.full((graph.nodes, width), np.nan, np.float32)
    weights_NK[used_NK] = graph.weights_E
    begin_N = np.arange(graph.nodes, dtype=np.int32) * width
    return Rows(
        begin_N=there(begin_N),
        end_N=there((begin_N + degree_N).astype(np.int32)),
        neighbours_E=there(neighbours_NK.ravel()),
        weights_E=there(weights_NK.ravel()),
    )


def planned(
    graph: Graph,
    *,
    resolution: float = 1.0,
    schedule: rules.Schedule = SHORT,
    blocks: Blocks | None = None,
    edges: int | None = None,
    starts: int | None = STARTS,
) -> Workspace:
    """A workspace whose tensors hold garbage where a run may expect nothing."""
    workspace = plan(
        graph.nodes,
        len(graph.neighbours_E) if edges is None else edges,
        device=DEVICE,
        resolution=resolution,
        schedule=schedule,
        blocks=blocks,
        starts=starts,
    )
    for name in Workspace.__dataclass_fields__:
        tensor = getattr(workspace, name)
        kept = ("resolution", "keys_H", "joint_H", "count_N")
        if isinstance(tensor, torch.Tensor) and name not in kept:
            tensor.fill_(GARBAGE)
    return workspace


def check(graph: Graph, workspace: Workspace, *, resolution: float = 1.0) -> None:
    """Compare the last run with the definition, and look at what it leaves behind."""
    wanted = rules.louvain(
        graph.offsets,
        graph.neighbours_E,
        graph.weights_E,
        resolution=resolution,
        schedule=workspace.schedule,
        starts=workspace.starts,
    )
    got = read(workspace)
    assert got.labels_N.dtype == np.int32
    assert np.array_equal(got.labels_N, wanted.labels_N)
    assert replace(got, labels_N=wanted.labels_N) == wanted
    assert not workspace.keys_H[:, : workspace.places].any()
    assert (workspace.keys_H[:, workspace.places :] == -1).all()
    assert not workspace.joint_H.any()
    assert not workspace.count_N.any()


@pytest.mark.parametrize("name", GRAPHS)
def test_labels_are_those_of_the_definition(name: str) -> None:
    graph = GRAPHS[name]()
    workspace = planned(graph)
    answer = louvain(rows_of(graph), workspace)
    assert answer is workspace.numbers_N
    check(graph, workspace)


def test_whole_schedule_gives_the_labels_of_the_definition() -> None:
    graph = planted(64, 4, seed=2)
    workspace = planned(graph, schedule=rules.SCHEDULE)
    louvain(rows_of(graph), workspace)
    check(graph, workspace)


def test_a_small_graph_is_divided_from_as_many_starts_as_there_may_be() -> None:
    workspace = planned(planted(64, 4), starts=None)
    assert workspace.starts == len(workspace.labels_N) == rules.MOST_STARTS


@pytest.mark.parametrize("resolution", [1 / 64, 0.3, 2.5])
def test_resolutions_below_and_above_one(resolution: float) -> None:
    graph = knn(80, 7, seed=5)
    workspace = planned(graph, resolution=resolution)
    louvain(rows_of(graph), workspace)
    check(graph, workspace, resolution=resolution)


def blocks_of(rows: int, tile: int, block: int) -> Blocks:
    return Blocks(rows=rows, tile=tile, row_warps=1, block=block, block_warps=1)


@pytest.mark.parametrize(
    "blocks", [blocks_of(32, 4, 32), blocks_of(64, 64, 16)], ids=["narrow tiles", "wide tiles"]
)
def test_how_launches_are_cut_into_programs_changes_nothing(blocks: Blocks) -> None:
    graph = star(34)
    workspace = planned(graph, blocks=blocks)
    louvain(rows_of(graph), workspace)
    check(graph, workspace)


@pytest.mark.skipif(DEVICE != "cpu", reason="a card chooses the order of its programs itself")
def test_order_of_the_programs_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter runs programs in ascending order; here they are counted from the end."""
    import triton.runtime.interpreter as interpreter

    if not hasattr(interpreter.InterpreterBuilder, "create_get_program_id"):
        pytest.skip("this Triton's interpreter has no place to reverse its programs")
    kept = interpreter.InterpreterBuilder.create_get_program_id

    def reversed_id(builder: object, axis: int) -> object:
        ascending = kept(builder, axis)
        last = builder.grid_dim[axis] - 1  # type: ignore[attr-defined]
        return interpreter.TensorHandle((last - ascending.data).astype(np.int32), ascending.dtype)

    monkeypatch.setattr(interpreter.InterpreterBuilder, "create_get_program_id", reversed_id)
    graph = knn(24, 4)
    workspace = planned(graph, blocks=blocks_of(8, 16, 16))
    louvain(rows_of(graph), workspace)
    check(graph, workspace)


def test_rows_of_equal_width_and_what_lies_past_their_ends() -> None:
    graph = knn(50, 5, seed=4)
    rows = ell_rows_of(graph)
    workspace = planned(graph, edges=len(rows.neighbours_E))
    louvain(rows, workspace)
    check(graph, workspace)


def test_runs_of_one_workspace_do_not_see_each_other() -> None:
    first, second = knn(50, 6, seed=1), ring(50)
    room = max(len(first.neighbours_E), len(second.neighbours_E))
    workspace = planned(first, edges=room)
    louvain(rows_of(first), workspace)
    before = read(workspace)
    workspace.set_resolution(0.2)
    louvain(rows_of(second), workspace)
    check(second, workspace, resolution=0.2)
    workspace.set_resolution(1.0)
    louvain(rows_of(first), workspace)
    check(first, workspace)
    assert read(workspace).labels_N.tobytes() == before.labels_N.tobytes()


@settings(max_examples=4, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 8), st.sampled_from([0.25, 1.0])),
        max_size=24,
        unique_by=lambda edge: (min(edge[:2]), max(edge[:2])),
    ),
    st.sampled_from([0.25, 1.0, 1.5]),
)
def test_any_small_graph(edges: list[tuple[int, int, float]], resolution: float) -> None:
    graph = graph_of([edge for edge in edges if edge[0] != edge[1]], nodes=9)
    workspace = planned(graph, resolution=resolution)
    louvain(rows_of(graph), workspace)
    check(graph, workspace, resolution=resolution)


class Counted:
    """Stands for a kernel: remembers that it was launched, and with how many programs."""

    def __init__(self, name: str, log: list[tuple[object, ...]]) -> None:
        self._name, self._log = name, log

    def __getitem__(self, grid: tuple[int, ...]) -> Counted:
        self._log.append((self._name, grid))
        return self

    def __call__(self, *arguments: object, **constants: object) -> None:
        plain = [value for value in arguments if not isinstance(value, torch.Tensor)]
        places = [value.data_ptr() for value in arguments if isinstance(value, torch.Tensor)]
        self._log.append((*plain, *places, *constants.values()))


def test_every_run_makes_the_same_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A captured graph replays them: nothing of them may follow from what the tensors hold."""
    log: list[tuple[object, ...]] = []
    for name in vars(run).copy():
        if name.endswith("_kernel"):
            monkeypatch.setattr(run, name, Counted(name, log))
    graph = knn()
    rows, workspace = rows_of(graph), planned(graph, schedule=rules.SCHEDULE)
    logs = []
    for value in (GARBAGE, 0, 1):
        log.clear()
        for tensor in (workspace.ledger, workspace.history_SN, workspace.end_N):
            tensor.fill_(value)
        louvain(rows, workspace)
        logs.append(list(log))
    assert logs[0] == logs[1] == logs[2]
    assert len(logs[0]) == 2 * launches(rules.SCHEDULE)


def test_graphs_that_do_not_fit_the_workspace_are_refused() -> None:
    graph = knn(20, 3)
    rows = rows_of(graph)
    with pytest.raises(ValueError, match="planned for 20 nodes and 4 places"):
        louvain(rows, planned(graph, edges=4))
    with pytest.raises(ValueError, match="planned for 5 nodes"):
        louvain(rows, planned(graph_of([], nodes=5), edges=500))
    with pytest.raises(ValueError, match=r"int32, not torch\.int64"):
        louvain(replace(rows, neighbours_E=rows.neighbours_E.long()), planned(graph))
    assert rows.weights_E is not None
    with pytest.raises(ValueError, match="float32"):
        louvain(replace(rows, weights_E=rows.weights_E.double()), planned(graph))


def test_starts_share_nothing_but_the_graph() -> None:
    """The first start's labels are those of a run with that start alone, but for stages within."""
    graph = knn(50, 6, seed=1)
    schedule = tuple(cycle for cycle in SHORT if not cycle[0].within)
    alone, together = (planned(graph, schedule=schedule, starts=starts) for starts in (1, 3))
    for workspace in (alone, together):
        louvain(rows_of(graph), workspace)
    check(graph, together)
    assert read(together).score >= read(alone).score
    first_ledger, its = alone.ledger[0].tolist(), together.ledger[0].tolist()
    assert first_ledger[HEAD_SIZE:] == its[HEAD_SIZE:]


def test_plans_beyond_the_bounds_are_refused() -> None:
    for nodes, edges in ((rules.MAX_NODES + 1, 1), (0, 1), (5, rules.MAX_EDGES + 1)):
        with pytest.raises(GraphBoundsError, match="fit the integers"):
            plan(nodes, edges, device=DEVICE)
    with pytest.raises(GraphBoundsError, match="resolution"):
        plan(5, 4, device=DEVICE, resolution=0.001)
    for stage in (Stage(33, 2), Stage(0, 2), Stage(4, 3)):
        with pytest.raises(ValueError, match="sweeps"):
            plan(5, 4, device=DEVICE, schedule=((stage,),))
    for cycle in (
        (Stage(4, 2, within=True),),
        (Stage(4, 2), Stage(4, 2, within=True), Stage(4, 2)),
    ):
        with pytest.raises(ValueError, match="within comes first"):
            plan(5, 4, device=DEVICE, schedule=(cycle,))
    blocks = Blocks(rows=1, tile=16, row_warps=1, block=64, block_warps=1)
    with pytest.raises(ValueError, match="every thread"):
        plan(5, 4, device=DEVICE, blocks=blocks)
