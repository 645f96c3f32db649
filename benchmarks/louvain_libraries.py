"""Which CPU Louvain is best beside the service: igraph, scikit-network or NetworKit.

    .venv/bin/python benchmarks/louvain_libraries.py [--repeats 15]

Every candidate starts from the CSR arrays that the graph stage makes, so building its own graph
object is inside the time. Candidates take turns within one process, so that noise of the machine
meets all alike; determinism is judged across fresh processes, with a busy thread beside.
The chosen library is in `pyproject.toml`; the other two must be installed by hand for this.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scopeside.messages import Array, Graph, Int64
from scopeside.partitions import modularity
from scopeside_kernels.reference import neighbours, symmetric_csr, unit_rows

SIZES = (225, 961, 3969)  # chips of 512, 1024 and 2048 px frames at 64-px chips, stride 32
NEIGHBOURS = 15
RESOLUTIONS = (0.1, 0.5, 1.0)
GROUPS = 4
SEED = 42
RESULTS = Path(__file__).parent / "results" / "louvain_libraries.json"


def knn_graph(nodes: int) -> Graph:
    """kNN graph of noisy planted groups, contiguous as regions of a frame are."""
    rng = np.random.default_rng(nodes)
    centres_KD = rng.normal(size=(GROUPS, 64))
    embeddings_ND = centres_KD[np.arange(nodes) * GROUPS // nodes]
    embeddings_ND = embeddings_ND + 2.0 * rng.normal(size=(nodes, 64))
    unit_ND = unit_rows(embeddings_ND.astype(np.float32), centred=True)
    offsets, neighbours_E, weights_E = symmetric_csr(*neighbours(unit_ND, NEIGHBOURS))
    return Graph(offsets=offsets, neighbours_E=neighbours_E, weights_E=weights_E)


def tied_graph() -> Graph:
    """A torus of equal weights: every choice Louvain makes is a tie."""
    side = 20
    cells = np.arange(side * side).reshape(side, side)
    ways = [np.roll(cells, shift, axis) for axis in (0, 1) for shift in (1, -1)]
    rows_NK = np.sort(np.stack([way.ravel() for way in ways], axis=1), axis=1)
    return Graph(
        offsets=np.arange(0, 4 * side * side + 1, 4, dtype=np.int64),
        neighbours_E=rows_NK.ravel().astype(np.int32),
        weights_E=np.ones(rows_NK.size, dtype=np.float32),
    )


def _upper(graph: Graph) -> tuple[Int64, Int64, Array]:
    rows_E = np.repeat(np.arange(graph.nodes), np.diff(graph.offsets))
    upper_E = rows_E < graph.neighbours_E
    weights_E = graph.weights_E
    if weights_E is None:
        weights_E = np.ones(len(rows_E), dtype=np.float32)
    return (
        rows_E[upper_E],
        graph.neighbours_E[upper_E].astype(np.int64),
        weights_E[upper_E].astype(np.float64),
    )


def by_igraph(graph: Graph, resolution: float) -> Array:
    import igraph

    rows_E, columns_E, weights_E = _upper(graph)
    igraph.set_random_number_generator(random.Random(SEED))
    built = igraph.Graph(n=graph.nodes, edges=np.stack([rows_E, columns_E], axis=1))
    return np.array(built.community_multilevel(weights=weights_E, resolution=resolution).membership)


def by_scikit_network(graph: Graph, resolution: float) -> Array:
    from scipy import sparse
    from sknetwork.clustering import Louvain

    matrix = sparse.csr_matrix(
        (graph.weights_E, graph.neighbours_E, graph.offsets), shape=(graph.nodes, graph.nodes)
    )
    louvain = Louvain(
        resolution=resolution,
        tol_optimization=1e-5,
        tol_aggregation=1e-5,
        shuffle_nodes=True,
        random_state=SEED,
        sort_clusters=False,
        return_probs=False,
        return_aggregate=False,
    )
    return np.asarray(louvain.fit_predict(matrix))


def by_networkit(graph: Graph, resolution: float) -> Array:
    import networkit

    rows_E, columns_E, weights_E = _upper(graph)
    networkit.setSeed(SEED, False)
    built = networkit.graph.GraphFromCoo(
        (weights_E, (rows_E.astype(np.uint64), columns_E.astype(np.uint64))),
        n=graph.nodes,
        weighted=True,
    )
    louvain = networkit.community.PLM(built, gamma=resolution)
    louvain.run()
    return np.array(louvain.getPartition().getVector())


CANDIDATES: dict[str, Callable[[Graph, float], Array]] = {
    "igraph": by_igraph,
    "scikit-network": by_scikit_network,
    "networkit": by_networkit,
}


def time_candidates(repeats: int) -> list[dict[str, object]]:
    """Milliseconds of processor time (all threads) and of wall time, medians over `repeats`."""
    rows: list[dict[str, object]] = []
    for nodes in SIZES:
        graph = knn_graph(nodes)
        for resolution in RESOLUTIONS:
            spent: dict[str, list[tuple[float, float]]] = {name: [] for name in CANDIDATES}
            scores: dict[str, float] = {}
            for _ in range(repeats):
                for name, find in CANDIDATES.items():
                    wall_s, cpu_s = time.perf_counter(), time.process_time()
                    labels_N = find(graph, resolution)
                    spent[name].append((time.process_time() - cpu_s, time.perf_counter() - wall_s))
                    scores[name] = modularity(graph, labels_N, resolution)
            for name in CANDIDATES:
                cpu_ms, wall_ms = np.median(spent[name], axis=0) * 1e3
                rows.append(
                    {
                        "library": name,
                        "nodes": nodes,
                        "edges": graph.edges,
                        "resolution": resolution,
                        "cpu_ms": round(float(cpu_ms), 2),
                        "wall_ms": round(float(wall_ms), 2),
                        "modularity": round(scores[name], 5),
                    }
                )
                print(rows[-1])
    return rows


def fingerprint(name: str) -> str:
    """SHA-256 of every partition this process finds while another thread computes."""
    stop = threading.Event()
    noise = np.random.default_rng(0).normal(size=(200, 200))

    def disturb() -> None:
        while not stop.is_set():
            noise @ noise

    worker = threading.Thread(target=disturb)
    worker.start()
    digest = hashlib.sha256()
    for graph in (knn_graph(225), knn_graph(961), tied_graph()):
        for resolution in RESOLUTIONS:
            digest.update(CANDIDATES[name](graph, resolution).astype("<i8").tobytes())
    stop.set()
    worker.join()
    return digest.hexdigest()


def fingerprints(name: str, processes: int) -> list[str]:
    """One fingerprint a fresh process, hash seeds and thread counts varied on purpose."""
    prints = []
    for number in range(processes):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": str(number),
            "OMP_NUM_THREADS": str(1 + number % 2),
        }
        command = [sys.executable, __file__, "--fingerprint", name]
        answer = subprocess.run(
            command, env=environment, capture_output=True, check=True, text=True
        )
        prints.append(answer.stdout.split()[-1])
    return prints


def other_thread_share(name: str) -> float:
    """Processor time of a second Python thread, per processor time of the one that clusters.

    Near 0 the library holds the interpreter throughout; near 1 it lets go of it.
    """
    graph = knn_graph(3969)
    other_s = 0.0
    stop = threading.Event()

    def count() -> None:
        nonlocal other_s
        while not stop.is_set():
            other_s = time.thread_time()

    worker = threading.Thread(target=count)
    worker.start()
    before_s, started_s = other_s, time.thread_time()
    for _ in range(10):
        CANDIDATES[name](graph, 1.0)
    share = (other_s - before_s) / (time.thread_time() - started_s)
    stop.set()
    worker.join()
    return round(share, 2)


def installed_mb(name: str) -> float:
    files = importlib.metadata.files(name) or []
    paths = (Path(str(file.locate())) for file in files)
    return round(sum(path.stat().st_size for path in paths if path.is_file()) / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--fingerprint", choices=sorted(CANDIDATES))
    arguments = parser.parse_args()
    if arguments.fingerprint:
        print(fingerprint(arguments.fingerprint))
        return
    rows = time_candidates(arguments.repeats)
    libraries = {}
    for name in CANDIDATES:
        prints = fingerprints(name, arguments.processes)
        libraries[name] = {
            "version": importlib.metadata.version(name),
            "installed_mb": installed_mb(name),
            "same_bits_across_processes": len(set(prints)) == 1,
            "processes": arguments.processes,
            "other_thread_share": other_thread_share(name),
        }
        print(name, libraries[name])
    answer = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "note": "cores shared with other work: cpu_ms is the fair column, wall_ms is inflated",
        "graph": f"{NEIGHBOURS}-NN of planted groups, building the library's graph included",
        "libraries": libraries,
        "rows": rows,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
