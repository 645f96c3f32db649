// Two tools for the mouse or a finger on the frame: a click asks for targets in the community under
// it, a drag makes an alarm of the front that crosses the line.

const TARGETS = 5;
const LEAST_DRAG_PX = 6;

export class Tools {
  // `say(sentence)` tells the user; `points(list)` shows points; `link` calls the service.
  constructor(byId, { picture, marks, link, say, points }) {
    Object.assign(this, { byId, picture, marks, link, say, points });
    this.tool = null;
    this.begun = null;
    const layers = byId("layers");
    layers.addEventListener("pointerdown", (event) => this.#down(event));
    layers.addEventListener("pointermove", (event) => this.#move(event));
    layers.addEventListener("pointerup", (event) => this.#up(event));
    layers.addEventListener("pointercancel", () => this.#let());
    byId("tool-targets").onclick = () => this.choose("targets");
    byId("tool-alarm").onclick = () => this.choose("alarm");
    byId("rule-dialog").addEventListener("close", () => this.#set());
    byId("rule-cancel").onclick = () => byId("rule-dialog").close("");
  }

  // Take up a tool, or lay it down where it is held already (or null).
  choose(tool) {
    this.tool = this.tool === tool ? null : tool;
    for (const name of ["targets", "alarm"]) {
      this.byId(`tool-${name}`).setAttribute("aria-pressed", String(this.tool === name));
    }
    this.byId("layers").classList.toggle("tool", this.tool !== null);
    this.#let();
  }

  #down(event) {
    if (!this.tool || !this.picture.header) return;
    event.preventDefault();
    this.begun = { place: this.picture.place(event), x: event.clientX, y: event.clientY };
    this.byId("layers").setPointerCapture(event.pointerId);
  }

  #move(event) {
    if (!this.begun || this.tool !== "alarm") return;
    this.marks.dragged = [this.begun.place, this.picture.place(event)];
    this.marks.draw();
  }

  #up(event) {
    const { begun } = this;
    if (!begun) return;
    const end = this.picture.place(event);
    const far = Math.hypot(event.clientX - begun.x, event.clientY - begun.y) >= LEAST_DRAG_PX;
    this.begun = null;
    if (this.tool === "targets") this.#askTargets(end);
    else if (far) this.#askRule(begun.place, end);
    else this.#let();
  }

  #let() {
    this.begun = null;
    this.marks.dragged = null;
    this.marks.draw();
  }

  async #askTargets(place) {
    const community = this.picture.labelAt(place);
    if (community === 0) {
      this.say("There is no community at this place.");
      return;
    }
    try {
      const reply = await this.link.call("targets", { community, count: TARGETS, strategy: "interior" });
      this.points(reply.points);
    } catch (error) {
      this.say(error.message);
    }
  }

  // The front that the line lies most along, and the column (or row) of the line's middle: what the rule watches must
  // not turn with the front, as its position along its own normal does.
  #askRule(from, to) {
    const line = [to[0] - from[0], to[1] - from[1]], length = Math.hypot(...line);
    const fronts = (this.picture.header.fronts ?? []).map((front) => ({
      front,
      apart: Math.abs(front.normal[0] * line[0] + front.normal[1] * line[1]) / length,
    }));
    fronts.sort((a, b) => a.apart - b.apart || b.front.length_px - a.front.length_px);
    if (fronts.length === 0) {
      this.say("There is no front to watch: it takes two communities that meet along a line.");
      this.#let();
      return;
    }
    const { between, normal } = fronts[0].front;
    const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
    const upright = Math.abs(normal[1]) >= Math.abs(normal[0]);
    const [figure, place, word] = upright ? ["x_px", middle[1], "column"] : ["y_px", middle[0], "row"];
    this.rule = { watch: "front", figure, between, crosses: Math.round(10 * place) / 10 };
    const named = this.picture.header.communities;
    const words = between.map((id) => named.find((one) => one.id === id)?.name ?? `community ${id}`);
    const at = `${word} ${Math.round(place)}`;
    this.byId("rule-front").textContent = `When the middle of the front between ${words.join(" and ")} crosses ${at}.`;
    this.byId("rule-name").value = `front ${between.join("–")} at ${at}`;
    this.byId("rule-dialog").showModal();
    this.byId("rule-name").select();
  }

  async #set() {
    const dialog = this.byId("rule-dialog"), { rule } = this;
    this.choose(null);
    if (dialog.returnValue !== "set" || !rule) return;
    dialog.returnValue = "";
    try {
      await this.link.call("rules", { action: "set", rule: { name: this.byId("rule-name").value.trim(), ...rule } });
      this.say("The alarm is set.");
    } catch (error) {
      this.say(error.message);
    }
  }
}
