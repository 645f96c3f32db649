// What is drawn over the frame in its own pixels: fronts, points to visit, the line that is dragged,
// the scale bar.

const SVG = "http://www.w3.org/2000/svg";

function shape(kind, attributes, className) {
  const made = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.setAttribute("class", className);
  return made;
}

export class Marks {
  constructor(byId) {
    this.svg = byId("marks");
    this.scale = byId("scale");
    this.points = [];
    this.dragged = null;
    this.header = null;
    this.alarms = [];
  }

  show(header) {
    this.header = header;
    const [ny, nx] = header.shape;
    this.svg.setAttribute("viewBox", `-0.5 -0.5 ${nx} ${ny}`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.draw();
  }

  draw() {
    if (!this.header) return;
    const [ny, nx] = this.header.shape, size = Math.max(ny, nx) / 70;
    const drawn = [];
    for (const front of this.header.fronts ?? []) {
      drawn.push(...this.#along(front));
      for (const { figure, at } of this.#alarmsOf(front.between)) {
        const normal = { x_px: [0, 1], y_px: [1, 0] }[figure] ?? front.normal;
        drawn.push(...this.#across(normal, at, "limit"));
      }
    }
    this.points.forEach(({ y_px, x_px }, i) => {
      drawn.push(shape("circle", { cx: x_px, cy: y_px, r: size }, "point"));
      const text = shape("text", { x: x_px + 1.3 * size, y: y_px + 0.6 * size, "font-size": 2.2 * size }, "point");
      text.textContent = i + 1;
      drawn.push(text);
    });
    if (this.dragged) {
      const [[y0, x0], [y1, x1]] = this.dragged;
      drawn.push(shape("line", { x1: x0, y1: y0, x2: x1, y2: y1 }, "dragged"));
    }
    this.svg.replaceChildren(...drawn);
    this.#drawScale();
  }

  #alarmsOf([a, b]) {
    return this.alarms
      .filter(({ between }) => between?.[0] === a && between?.[1] === b)
      .map(({ figure, crosses, above, below }) => ({ figure, at: crosses ?? above ?? below }));
  }

  // The front's straight line, as long as the front is: no farther, where other communities are.
  #along({ normal: [ny, nx], y_px, x_px, length_px }) {
    const dy = (-nx * length_px) / 2, dx = (ny * length_px) / 2;
    const ends = { x1: x_px - dx, y1: y_px - dy, x2: x_px + dx, y2: y_px + dy };
    return [shape("line", ends, "front under"), shape("line", ends, "front")];
  }

  // The line y * n[0] + x * n[1] = position, as far as the frame goes.
  #across([ny, nx], position, className) {
    const [height, width] = this.header.shape, reach = height + width;
    const cy = ny * position, cx = nx * position;
    const ends = { x1: cx - ny * reach, y1: cy + nx * reach, x2: cx + ny * reach, y2: cy - nx * reach };
    return [shape("line", ends, `${className} under`), shape("line", ends, className)];
  }

  #drawScale() {
    const metres = this.header.pixel_size_m?.[1];
    this.scale.hidden = !metres;
    if (!metres) return;
    const width = this.svg.clientWidth, perPx = (metres * this.header.shape[1]) / width;
    const { length, text } = scaleBar(0.25 * width * perPx);
    this.scale.querySelector("i").style.width = `${length / perPx}px`;
    this.scale.querySelector("span").textContent = text;
  }
}

// The longest round length (1, 2 or 5 times a power of ten, in metres) up to `most`, and in words.
export function scaleBar(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  // A power of ten may come out a last digit above `most` itself; then half of it is the length.
  const length = [5, 2, 1, 0.5].find((step) => step * power <= most) * power;
  const [unit, factor] = [["nm", 1e9], ["µm", 1e6], ["mm", 1e3]].find(([, f]) => length * f < 999.5) ?? ["m", 1];
  return { length, text: `${Number((length * factor).toPrecision(3))} ${unit}` };
}
