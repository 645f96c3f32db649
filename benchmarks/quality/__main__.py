"""How right are the label maps of real micrographs, and how far do they depend on the exposure?

    .venv/bin/python benchmarks/quality [--quick] [--weights builtin,random,FILE] [--pictures DIR]
    .venv/bin/python benchmarks/quality --probe FILE [FILE ...]

The first of `--weights` is the encoder that the aims are about. Each case runs in a process of
its own and computes the embeddings of a frame once. `--quick` takes one frame of each set and
writes no result.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import Report, Row, in_fresh_process, quick_parser, say  # noqa: E402
from quality import cases, verdict  # noqa: E402
from quality.encoders import resolved  # noqa: E402
from quality.probe import probe  # noqa: E402
from quality.sets import FRAMES, PROTOCOLS, Protocol, data_folder  # noqa: E402
from scopeside.errors import ConfigError, FatalError  # noqa: E402
from table import table  # noqa: E402

MODES = ("chips", "shared")
WEIGHTS = "builtin,seeded,random"
QUICK_STREAM_FRAMES = 4
KINDS = ("labelled", "features", "exposures", "streams")


def one_case(arguments: argparse.Namespace) -> list[Row]:
    """Measure one case; meant for a process of its own."""
    kind, name, source, mode, folder = arguments.one
    frames = 1 if arguments.quick else FRAMES
    chosen = _protocols(arguments)
    weights = (name, source)
    if kind == "labelled":
        return cases.labelled(
            chosen, weights, mode, Path(folder), frames=frames, main=arguments.main
        )
    if kind == "features":
        return cases.features(chosen, Path(folder), frames=frames)
    if kind == "exposures":
        if arguments.quick:
            # Nine embeddings a frame: the first set alone, and one whose scene is known.
            chosen = chosen[:1] + [one for one in chosen[1:] if one.aimed and not one.real]
        return cases.exposures(chosen, weights, mode)
    return cases.recorded(weights, mode, most=QUICK_STREAM_FRAMES if arguments.quick else None)


def measure(arguments: argparse.Namespace, folder: Path, report: Report) -> tuple[list[Row], str]:
    """Run every case and fill the report; return the labelled sets' rows and the main encoder."""
    options = ["--quick"] * arguments.quick + [f"--sets={arguments.sets}"] * bool(arguments.sets)

    def case(kind: str, name: str, mode: str, *more: str) -> list[Row]:
        say(f"{kind} {name} {mode}".rstrip())
        one = ("--one", kind, name, sources.get(name, ""), mode, str(folder))
        found: list[Row] = in_fresh_process(str(HERE), *one, *options, *more)
        return found

    sources = _sources(arguments.weights.split(","), folder)
    main = next(iter(sources))
    # Both modes of the first encoder; the others are compared with it in the exact one.
    modes = MODES[:1] if arguments.quick else MODES
    rows = case("features", "", "")
    for name in sources:
        for mode in modes if name == main else MODES[:1]:
            first = name == main and mode == MODES[0]
            rows += case("labelled", name, mode, *["--main"] * first)
    exposures, streams = [], []
    for mode in modes:
        exposures += case("exposures", main, mode)
        if arguments.streams:
            streams += case("streams", main, mode)
    rows = verdict.chosen(rows)
    report.table("Means over the real sets", verdict.summary(rows))
    report.table("Encoders alone", verdict.encoders(rows))
    for protocol in _protocols(arguments):
        own = [
            {key: value for key, value in row.items() if key not in ("set", "purity", "iou_equal")}
            for row in rows
            if row["set"] == protocol.name
        ]
        if own:
            frames = len(protocol.frames(1 if arguments.quick else FRAMES))
            title = f"{protocol.name}: {frames} frames, {protocol.chip_px}-px chips"
            report.table(title, sorted(own, key=lambda row: -row["iou_many"]))
    report.table("The same scene recorded otherwise (ARI)", exposures)
    if streams:
        report.table("Recorded streams", streams)
    for mode in modes:
        verdict.judge_labelled(report, rows, main, mode)
        verdict.judge_exposures(report, exposures, main, mode)
        verdict.judge_streams(report, streams, main, mode)
    return rows, main


def _sources(names: list[str], folder: Path) -> dict[str, str]:
    """Return what the service takes by each encoder's name, the first of them foremost."""
    from scopeside.stages.embed.weights import load_weights

    found = {}
    for name in names:
        source = resolved(name, folder)
        load_weights(source)  # a missing file is told before an hour of work
        short = Path(name).name
        if short in found:
            raise ConfigError(f"Two of the --weights are called {short}: rename one of the files.")
        found[short] = source
    return found


def _protocols(arguments: argparse.Namespace) -> list[Protocol]:
    names = arguments.sets.split(";") if arguments.sets else [one.name for one in PROTOCOLS]
    return [one for one in PROTOCOLS if one.name in names]


def _parser() -> argparse.ArgumentParser:
    parser = quick_parser(__doc__)
    parser.add_argument("--probe", nargs="+", metavar="WEIGHTS", help="a short look at encoders")
    parser.add_argument("--quick", action="store_true", help="one frame a set; write no result")
    parser.add_argument("--weights", default=WEIGHTS, help=f"encoders, by default {WEIGHTS}")
    parser.add_argument("--sets", help="sets to measure, with ; between them; by default all")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="where to draw a sheet a set")
    parser.add_argument("--no-streams", dest="streams", action="store_false")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--main", action="store_true", help=argparse.SUPPRESS)
    return parser


def _within(folder: Path, arguments: argparse.Namespace) -> None:
    if arguments.probe:
        for weights in arguments.probe:
            probe(weights, folder)
        return
    if not data_folder().is_dir():
        say(f"no {data_folder()}: only what is simulated is measured (set SCOPESIDE_DATA)")
    report = Report(
        name="quality",
        question="How right are the label maps of real micrographs?",
        how=HOW,
    )
    rows, main = measure(arguments, folder, report)
    if arguments.pictures:
        from quality.pictures import draw

        frames = 1 if arguments.quick else FRAMES
        for protocol in _protocols(arguments):
            draw(
                folder,
                rows,
                protocol,
                arguments.pictures,
                weights=main,
                mode=MODES[0],
                frames=frames,
            )
    if not arguments.quick:
        report.write()
        return
    for one in report.tables:
        print(f"\n{one['title']}\n\n{table(one['rows'])}")
    report.say_aims()


HOW = (
    "Protocol, methods and pictures are in [quality.md](quality.md). Scores are means over the"
    " frames of a set. iou many maps communities to classes many to one, iou one one to one"
    " (Hungarian); boundary f allows half a chip stride. told: what of the truth the method is"
    " given (the number of classes, or the setting that scores best on the set). Every method"
    " labels the same chips and is painted by the same votes. iou equal is the many-to-one score of"
    " plain Louvain, mean of three resolutions, nothing joined; purity that of the five nearest"
    " chips."
)


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.one:
        json.dump(one_case(arguments), sys.stdout)
        print()
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            _within(Path(folder), arguments)
        except FatalError as error:
            raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
