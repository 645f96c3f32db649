// The tabs beside the plots: latency by stage, events and rules, series, points.

const clock = (ns) => new Date(ns / 1e6).toLocaleTimeString([], { hour12: false });
const short = (value) => Number(value.toPrecision(4));
const ms = (seconds) => (1000 * seconds).toFixed(seconds < 0.01 ? 2 : 1);

// Texts come from senders and users: always as text, never as markup.
function cell(text, className = "") {
  const made = document.createElement("td");
  made.textContent = text;
  made.className = className;
  return made;
}

function line(cells, className = "") {
  const made = document.createElement("tr");
  made.className = className;
  made.append(...cells);
  return made;
}

export function showTimes(byId, percentiles) {
  if (!percentiles) return;
  const names = { service: "received to published", end_to_end: "exposure to published" };
  const totals = Object.entries(percentiles.totals).map(([name, p]) => [names[name] ?? name, p, "total"]);
  const rows = [...totals, ...Object.entries(percentiles.stages).map(([name, p]) => [name, p, ""])];
  const longest = Math.max(1e-9, ...rows.map(([, p]) => p.p50_s));
  byId("times").querySelector("tbody").replaceChildren(
    ...rows.map(([name, p, kind]) => {
      const bar = document.createElement("i");
      bar.style.width = `${(100 * p.p50_s) / longest}%`;
      const bars = cell("", "bars");
      bars.append(bar);
      return line([cell(name), ...[p.p50_s, p.p95_s, p.p99_s].map((s) => cell(ms(s), "number")), bars], kind);
    }),
  );
}

const MOST_EVENTS = 200;

export class Events {
  #unseen = 0;

  constructor(byId, seen) {
    this.list = byId("events");
    this.count = byId("alarm-count");
    this.seen = seen;
  }

  clear() {
    this.list.replaceChildren();
    this.#say(0);
  }

  // `events` in the order in which they happened; the newest goes to the top.
  add(events) {
    for (const event of events) {
      const item = document.createElement("li");
      item.className = event.kind;
      const time = document.createElement("time"), kind = document.createElement("b"), text = document.createElement("span");
      time.textContent = clock(event.t_ns);
      kind.textContent = event.kind;
      text.textContent = sentence(event);
      item.append(time, kind, text);
      this.list.prepend(item);
      if (event.kind === "alarm" && !this.seen()) this.#say(this.#unseen + 1);
    }
    while (this.list.children.length > MOST_EVENTS) this.list.lastChild.remove();
  }

  read() {
    this.#say(0);
  }

  #say(count) {
    this.#unseen = count;
    this.count.hidden = count === 0;
    this.count.textContent = count;
  }
}

function sentence(event) {
  if (event.kind === "series") {
    return event.event === "started" ? `${event.series} began.` : `${event.series} ended (${event.why}).`;
  }
  if (event.kind === "targets") return `${event.points.length === 1 ? "one point" : `${event.points.length} points`} to visit, ${event.strategy}`;
  if (event.kind === "alarm") {
    const whose = event.between ? ` between ${event.between.join(" and ")}` : event.community ? ` of ${event.name ?? event.community}` : "";
    const value = typeof event.value === "number" ? `: ${event.figure ?? event.watch}${whose} is ${short(event.value)}` : "";
    const limit = typeof event.threshold === "number" ? `, ${event.direction} ${short(event.threshold)}` : "";
    return `${event.rule}${value}${limit}${event.frame === null ? "" : `, frame ${event.frame}`}`;
  }
  const times = event.count > 1 ? ` (${event.count} times)` : "";
  return `${event.reason ?? event.code}: ${event.message}${times}`;
}

export function showRules(byId, rules, remove) {
  byId("rules").replaceChildren(
    ...(rules ?? []).map((rule) => {
      const item = document.createElement("li"), text = document.createElement("span"), button = document.createElement("button");
      text.textContent = `${rule.name}: ${ruleInWords(rule)}`;
      button.type = "button";
      button.textContent = "Remove";
      button.onclick = () => remove(rule.name);
      item.append(text, button);
      return item;
    }),
  );
}

function ruleInWords(rule) {
  const whose = rule.between ? ` between ${rule.between.join(" and ")}` : rule.community ? ` of ${rule.community}` : "";
  const limit = ["above", "below", "crosses"].filter((key) => typeof rule[key] === "number");
  return `${rule.watch}${whose}${rule.figure ? `, ${rule.figure}` : ""} ${limit.map((key) => `${key} ${short(rule[key])}`).join("")}`;
}

export function showRuns(byId, series, totals) {
  const lost = (books) => Object.values(books.dropped).reduce((sum, count) => sum + count, 0);
  byId("runs").querySelector("tbody").replaceChildren(
    ...series.map((one) => {
      const books = one.accounting, number = (value) => cell(books ? value : "…", "number");
      const state = one.ended_ns ? `ended (${one.why})` : "open";
      const name = cell(one.series);
      name.title = one.series;
      return line([name, cell(clock(one.began_ns)), number(books?.segmented), number(books && lost(books)), number(books?.missing), cell(state)]);
    }),
    ...(totals ? [line([cell("all series"), cell(""), cell(totals.segmented, "number"), cell(lost(totals), "number"), cell(totals.missing, "number"), cell("")])] : []),
  );
}

export function showPoints(byId, points) {
  const um = (metres) => (metres === null || metres === undefined ? "" : (1e6 * metres).toFixed(4).replace("-", "−"));
  byId("tab-points").hidden = points.length === 0;
  byId("points").querySelector("tbody").replaceChildren(
    ...points.map((point, i) =>
      line([i + 1, point.y_px.toFixed(1), point.x_px.toFixed(1), um(point.stage_m?.[0]), um(point.stage_m?.[1])].map((text) => cell(text, "number"))),
    ),
  );
}
