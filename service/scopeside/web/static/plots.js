// Plots over time or dose, by uPlot. Data come once a second; a plot is made anew only when what it
// shows (communities, fronts, theme, axis) is another.

import uPlot from "./uplot/uPlot.esm.js";

import { title } from "./legend.js";

// Okabe and Ito (2008), as the service's own palette: lines that are no community's.
const LINES = ["#56b4e9", "#e69f00", "#d55e00", "#009e73", "#cc79a7", "#0072b2"];

export class Plots {
  constructor(byId) {
    this.figures = Object.fromEntries(
      ["fractions", "fronts", "latency", "rate"].map((name) => [name, new Figure(byId(`plot-${name}`))]),
    );
    this.axis = "t";
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.remake());
  }

  remake() {
    for (const figure of Object.values(this.figures)) figure.forget();
    if (this.last) this.show(this.last);
  }

  // `frames` and `service` are points; `communities` those of the newest frame.
  show({ frames, service, communities }) {
    this.last = { frames, service, communities };
    const along = frames.filter((point) => point[this.axis] !== null);
    const ids = [...new Set(along.flatMap(({ fractions }) => Object.keys(fractions)))].sort((a, b) => a - b);
    const known = new Map(communities.map((one) => [String(one.id), one]));
    const named = (id) => (known.has(id) ? title(known.get(id)) : `community ${id}`);
    const color = (id) => (known.has(id) ? `rgb(${known.get(id).color.join(" ")})` : "#999");
    this.figures.fractions.show(
      this.axis,
      ids.map((id) => ({ label: named(id), stroke: color(id) })),
      [along.map((p) => p[this.axis]), ...ids.map((id) => along.map((p) => 100 * (p.fractions[id] ?? 0)))],
      "Two frames make a line: none yet.",
      { keyed: false },
    );
    this.#showFronts(along);
    const ms = (key) => service.map((point) => (point[key] === null ? null : 1000 * point[key]));
    const at = service.map((point) => point.t);
    const lines = (labels) => labels.map((label, i) => ({ label, stroke: LINES[i] }));
    this.figures.latency.show("t", lines(["p50", "p95", "p99"]), [at, ms("p50"), ms("p95"), ms("p99")], "Two frames make a line: none yet.");
    this.figures.rate.show(
      "t",
      [{ label: "frames/s", stroke: LINES[0] }, { label: "dropped, %", stroke: LINES[2], dash: [5, 3] }],
      [at, service.map((p) => p.rate), service.map((p) => 100 * p.dropped)],
      "Not heard from yet.",
    );
  }

  #showFronts(along) {
    const pairs = [...new Set(along.flatMap(({ fronts }) => fronts.map(({ between }) => between.join("–"))))].sort();
    const position = (point, pair) => point.fronts.find(({ between }) => between.join("–") === pair)?.px ?? null;
    this.figures.fronts.show(
      this.axis,
      pairs.map((pair, i) => ({ label: pair, stroke: LINES[i % LINES.length] })),
      [along.map((p) => p[this.axis]), ...pairs.map((pair) => along.map((p) => position(p, pair)))],
      "No front is seen: it takes two communities that meet along a line.",
    );
  }
}

class Figure {
  constructor(element) {
    this.element = element;
    this.room = element.querySelector("div");
    this.caption = element.querySelector("figcaption");
    this.title = this.caption.textContent;
    this.plot = null;
    this.key = "";
    new ResizeObserver(() => this.#fit()).observe(this.room);
  }

  forget() {
    this.plot?.destroy();
    this.plot = null;
    this.key = "";
  }

  // `keyed` lines are named in the caption; communities have the legend for that.
  show(axis, lines, data, why, { keyed = true } = {}) {
    const drawn = data.slice(1).some((values) => values.some((value) => value !== null));
    const nothing = !drawn || data[0].length < 2;
    this.element.classList.toggle("nothing", nothing);
    this.room.dataset.why = why;
    const key = nothing ? "" : JSON.stringify([axis, lines]);
    if (key !== this.key) this.forget();
    if (nothing) return;
    if (this.plot === null) {
      this.key = key;
      this.plot = new uPlot(this.#options(axis, lines), data, this.room);
      this.caption.replaceChildren(this.title, ...(keyed ? lines.map(keyOf) : []));
    } else {
      this.plot.setData(data);
    }
  }

  #options(axis, lines) {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--pale"), grid = style.getPropertyValue("--grid");
    const drawn = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, size: 4 }, font: "11px system-ui", gap: 3 };
    return {
      ...this.#size(),
      padding: [6, 26, 0, 0],
      cursor: { drag: { x: false, y: false }, points: { size: 5 } },
      legend: { show: false },
      scales: { x: { time: axis === "t" }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
      axes: [
        { ...drawn, size: 26, space: 64, values: (_, ticks, __, ___, apart) => ticks.map((tick) => (axis === "t" ? time(tick, apart) : dose(tick))) },
        { ...drawn, size: 40, space: 26 },
      ],
      series: [{}, ...lines.map((line) => ({ ...line, width: 1.75, spanGaps: true, points: { show: false } }))],
      plugins: [hover()],
    };
  }

  #size() {
    return { width: Math.max(80, this.room.clientWidth), height: Math.max(60, this.room.clientHeight) };
  }

  #fit() {
    if (this.plot && this.room.clientWidth > 0) this.plot.setSize(this.#size());
  }
}

function keyOf({ label, stroke }) {
  const made = document.createElement("b"), mark = document.createElement("i");
  mark.style.background = stroke;
  made.append(mark, label);
  return made;
}

const time = (seconds, apart_s) =>
  new Date(1000 * seconds).toLocaleTimeString([], {
    hour: "2-digit", minute: "2-digit", hour12: false, ...(apart_s < 60 ? { second: "2-digit" } : {}),
  });

const dose = (value) => (value === 0 ? "0" : value.toExponential(1).replace("e+", "e"));

// The values under the mouse, beside it.
function hover() {
  let box;
  return {
    hooks: {
      init: (u) => {
        box = document.createElement("div");
        box.className = "hover";
        box.hidden = true;
        u.over.append(box);
      },
      setCursor: (u) => {
        const { idx, left } = u.cursor;
        box.hidden = idx === null || left < 0;
        if (box.hidden) return;
        box.replaceChildren(
          ...u.series.slice(1).flatMap((one, i) => {
            const value = u.data[i + 1][idx];
            if (value === null || value === undefined) return [];
            const line = document.createElement("div");
            const mark = document.createElement("i");
            mark.style.background = one._stroke ?? one.stroke();
            line.append(mark, `${one.label}: ${Number(value.toPrecision(3))}`);
            return [line];
          }),
        );
        box.style.left = left < u.over.clientWidth / 2 ? `${left + 10}px` : "";
        box.style.right = left < u.over.clientWidth / 2 ? "" : `${u.over.clientWidth - left + 10}px`;
      },
    },
  };
}
