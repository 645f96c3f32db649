// The live page: puts its parts together. What comes from the service comes through link.js.

import { Legend } from "./legend.js";
import { Link } from "./link.js";
import { Marks } from "./marks.js";
import { Events, showPoints, showRules, showRuns, showTimes } from "./panels.js";
import { Picture } from "./picture.js";
import { Plots } from "./plots.js";
import { Tools } from "./tools.js";

const SAID_MS = 6000;
const byId = (id) => document.getElementById(id);

const picture = new Picture(byId);
const marks = new Marks(byId);
const plots = new Plots(byId);
const events = new Events(byId, () => !byId("alarms").hidden);
const legend = new Legend(byId, picture.look, {
  changed: () => picture.paint(),
  rename: (community, name) => act("name", { community, name }),
});
const past = { frames: [], service: [] };
let state = null;
let link = null;

function say(sentence) {
  const said = byId("said");
  said.textContent = sentence;
  said.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (said.hidden = true), SAID_MS);
}

async function act(cmd, args) {
  try {
    return await link.call(cmd, args);
  } catch (error) {
    say(error.message);
    throw error;
  }
}

async function see(header, buffer, offset) {
  await picture.show(header, buffer, offset);
  marks.show(header);
  legend.show(header.communities, past.frames);
  const { graph, timing } = header;
  const parts = [
    `${header.series}, frame ${header.frame}`,
    `${header.shape[1]} × ${header.shape[0]} px`,
    `${(1000 * timing.service_s).toFixed(0)} ms`,
    `${header.communities.length} communities, resolution ${Number(graph.resolution.toPrecision(3))}`,
  ];
  if (header.dose_e_per_m2 !== null) parts.push(`dose ${header.dose_e_per_m2.toExponential(2)} e/m²`);
  if (header.quality.flat) parts.push("no contrast");
  byId("about").textContent = parts.join(" · ");
  document.title = `Scopeside · ${header.series}`;
}

// Figures of a front that are places in the frame, and can be drawn.
const PLACES = new Set(["x_px", "y_px", "position_px"]);

function tell(message) {
  state = message;
  for (const name of ["frames", "service"]) {
    const { anew, points } = message[name];
    past[name] = anew ? points : past[name].concat(points);
  }
  showWords(message.words);
  const parts = [message.device, message.queue && message.queue.policy, message.recording && "recording"];
  byId("where").textContent = parts.filter(Boolean).join(" · ");
  const pause = byId("pause"), paused = message.state === "paused";
  pause.textContent = paused ? "Resume" : "Pause";
  pause.disabled = !["ready", "paused"].includes(message.state);
  byId("tool-alarm").hidden = message.rules === null;
  marks.alarms = (message.rules ?? []).filter((rule) => rule.watch === "front" && PLACES.has(rule.figure));
  events.add(message.events);
  showRules(byId, message.rules, (name) => act("rules", { action: "remove", name }).catch(() => {}));
  showTimes(byId, message.percentiles);
  showRuns(byId, message.series, message.totals);
  byId("axis").options[1].disabled = !past.frames.some(({ dose }) => dose !== null);
  if (!byId("plots").hidden) showPlots();
}

function showPlots() {
  plots.show({ ...past, communities: picture.header?.communities ?? [] });
}

function showWords({ level, text }) {
  const words = byId("words");
  if (words.textContent !== text) words.textContent = text;
  words.className = `words ${level}`;
  words.title = text;
}

function show(view) {
  picture.look.view = view;
  for (const name of ["communities", "confidence", "frame"]) {
    byId(`show-${name}`).setAttribute("aria-checked", String(name === view));
  }
  byId("confidence-key").hidden = view !== "confidence";
  if (view === "confidence" && !picture.confidence) link?.askPictureAgain();
  picture.paint();
}

function outline(on) {
  picture.look.outlines = on;
  byId("outlines").setAttribute("aria-pressed", String(on));
  picture.paint();
}

function fade(percent) {
  byId("opacity").value = percent;
  picture.look.opacity = byId("opacity").value / 100;
  picture.paint();
}

function open(tab) {
  for (const one of byId("tabs").querySelectorAll("[role=tab]")) {
    const chosen = one.id === tab;
    one.setAttribute("aria-selected", String(chosen));
    one.tabIndex = chosen ? 0 : -1;
    byId(one.getAttribute("aria-controls")).hidden = !chosen;
  }
  byId("axis-choice").hidden = tab !== "tab-plots";
  if (tab === "tab-alarms") events.read();
  if (tab === "tab-plots") showPlots();
}

function pause() {
  if (!byId("pause").disabled) act(state.state === "paused" ? "resume" : "pause").catch(() => {});
}

function points(list) {
  marks.points = list;
  marks.draw();
  showPoints(byId, list);
  open(list.length ? "tab-points" : "tab-plots");
}

function wire() {
  for (const name of ["communities", "confidence", "frame"]) byId(`show-${name}`).onclick = () => show(name);
  byId("opacity").oninput = ({ target }) => fade(target.value);
  byId("outlines").onclick = () => outline(!picture.look.outlines);
  byId("pause").onclick = pause;
  byId("help-open").onclick = () => byId("help").showModal();
  byId("points-clear").onclick = () => points([]);
  byId("axis").onchange = ({ target }) => {
    plots.axis = target.value;
    plots.remake();
  };
  const tabs = [...byId("tabs").querySelectorAll("[role=tab]")];
  for (const tab of tabs) {
    tab.onclick = () => open(tab.id);
    tab.onkeydown = ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (!step) return;
      const seen = tabs.filter((one) => !one.hidden);
      const next = seen[(seen.indexOf(tab) + step + seen.length) % seen.length];
      open(next.id);
      next.focus();
    };
  }
}

function keys(tools) {
  const doing = {
    1: () => show("communities"),
    2: () => show("confidence"),
    3: () => show("frame"),
    "+": () => fade(Number(byId("opacity").value) + 10),
    "=": () => fade(Number(byId("opacity").value) + 10),
    "-": () => fade(Number(byId("opacity").value) - 10),
    o: () => outline(!picture.look.outlines),
    h: () => legend.showAll(),
    t: () => tools.choose("targets"),
    a: () => byId("tool-alarm").hidden || tools.choose("alarm"),
    p: pause,
    "?": () => byId("help").showModal(),
    Escape: () => tools.choose(null),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=range]):not([type=checkbox]), select, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    doing[event.key.length === 1 ? event.key.toLowerCase() : event.key]?.();
  });
}

// Where a token is asked for, ask for it until it is right.
async function signIn() {
  const dialog = byId("login");
  while ((await fetch("/session")).status === 401) {
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    const answer = await fetch("/login", { method: "POST", body: byId("token").value });
    byId("token").value = "";
    byId("login-said").textContent = answer.ok ? "" : await answer.text();
  }
}

async function start() {
  wire();
  open("tab-plots");
  try {
    await signIn();
  } catch {
    // Not there just now: the link tries again, and says so.
  }
  link = new Link({
    see,
    tell,
    up: () => events.clear(),
    down: (wait_s) => {
      showWords({ level: "bad", text: `The service does not answer; trying again in ${wait_s} s.` });
      byId("pause").disabled = true;
    },
    wanted: () => ({ px: picture.px, confidence: picture.look.view === "confidence" }),
  });
  keys(new Tools(byId, { picture, marks, link, say, points }));
}

start();
