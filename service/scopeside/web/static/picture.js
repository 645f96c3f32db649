// The frame and what is laid over it: layers of canvas, blended by the browser, so that opacity and
// outlines change without a pixel being computed anew.

// Cividis (Nunez, Anderton, Renslow 2018): read alike with any colour vision. Ten of its colours.
const CIVIDIS = [
  [0, 34, 78], [18, 53, 112], [59, 73, 109], [87, 93, 109], [112, 113, 115],
  [138, 134, 121], [165, 156, 117], [195, 179, 105], [225, 204, 85], [254, 232, 56],
];

export class Picture {
  constructor(byId) {
    this.layers = byId("layers");
    this.stage = byId("stage");
    this.canvases = { frame: byId("frame"), tint: byId("tint"), outline: byId("outline") };
    this.empty = byId("empty");
    this.header = null;
    this.labels = null;
    this.confidence = null;
    this.look = { view: "communities", opacity: 0.4, outlines: true, hidden: new Set(), solo: null };
    this.ramp = ramp();
    new ResizeObserver(() => this.fit()).observe(this.stage);
  }

  // Longest side, in device pixels, that the page has room for.
  get px() {
    const { clientWidth, clientHeight } = this.stage;
    return Math.round(Math.max(clientWidth, clientHeight, 1) * Math.min(2, devicePixelRatio || 1));
  }

  async show(header, buffer, offset) {
    const parts = {};
    for (const [name, length] of header.parts) {
      parts[name] = new Uint8Array(buffer, offset, length);
      offset += length;
    }
    const [bitmap, labels, confidence] = await Promise.all([
      createImageBitmap(new Blob([parts.image], { type: "image/jpeg" })),
      inflated(parts.labels),
      parts.confidence ? inflated(parts.confidence) : null,
    ]);
    const [height, width] = header.size;
    for (const canvas of Object.values(this.canvases)) {
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
    }
    this.canvases.frame.getContext("2d").drawImage(bitmap, 0, 0, width, height);
    bitmap.close();
    this.header = header;
    this.labels = new Uint16Array(labels);
    this.confidence = confidence && new Uint8Array(confidence);
    this.empty.hidden = true;
    this.fit();
    this.paint();
  }

  shown(id) {
    const { hidden, solo } = this.look;
    return solo === null ? !hidden.has(id) : solo === id;
  }

  // Lay communities or confidence over the frame as they are to be seen now.
  paint() {
    if (!this.header) return;
    const { tint, outline } = this.canvases;
    const { view, opacity, outlines } = this.look;
    tint.style.opacity = opacity;
    tint.hidden = view === "frame";
    outline.hidden = view !== "communities" || !outlines;
    if (view === "confidence" && this.confidence) this.#paintValues(tint, this.confidence, this.ramp);
    if (view === "communities") {
      const colors = this.#colors();
      this.#paintValues(tint, this.labels, colors);
      if (outlines) this.#paintOutline(outline, colors);
    }
  }

  // The id of the community at a place in frame pixels, 0 where there is none.
  labelAt([y, x]) {
    const [height, width] = this.header.size, [ny, nx] = this.header.shape;
    const row = Math.min(height - 1, Math.max(0, Math.floor(((y + 0.5) * height) / ny)));
    const column = Math.min(width - 1, Math.max(0, Math.floor(((x + 0.5) * width) / nx)));
    return this.labels[row * width + column];
  }

  // Where in the frame, [y, x] in its pixels, an event of the mouse or a finger is.
  place(event) {
    const box = this.layers.getBoundingClientRect(), [ny, nx] = this.header.shape;
    return [
      Math.min(ny - 1, Math.max(0, ((event.clientY - box.top) / box.height) * ny - 0.5)),
      Math.min(nx - 1, Math.max(0, ((event.clientX - box.left) / box.width) * nx - 0.5)),
    ];
  }

  fit() {
    if (!this.header) return;
    const [ny, nx] = this.header.shape, { clientWidth, clientHeight } = this.stage;
    const scale = Math.min(clientWidth / nx, clientHeight / ny);
    this.layers.style.width = `${Math.floor(nx * scale)}px`;
    this.layers.style.height = `${Math.floor(ny * scale)}px`;
    // Pixels much larger than the screen's are pixels, and labels have no halves.
    this.layers.classList.toggle("coarse", (scale * ny) / this.header.size[0] > 2);
  }

  #colors() {
    const colors = new Uint32Array(65536);
    for (const { id, color: [r, g, b] } of this.header.communities) {
      if (this.shown(id)) colors[id] = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
    }
    return colors;
  }

  #paintValues(canvas, values, colors) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i++) pixels[i] = colors[values[i]];
    context.putImageData(image, 0, 0);
  }

  // On both sides of a boundary, each in its own colour.
  #paintOutline(canvas, colors) {
    const { width, height } = canvas, labels = this.labels;
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const here = labels[i];
        if (x + 1 < width && labels[i + 1] !== here) {
          pixels[i] = colors[here];
          pixels[i + 1] = colors[labels[i + 1]];
        }
        if (y + 1 < height && labels[i + width] !== here) {
          pixels[i] = colors[here];
          pixels[i + width] = colors[labels[i + width]];
        }
      }
    }
    context.putImageData(image, 0, 0);
  }
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

function ramp() {
  const colors = new Uint32Array(256);
  for (let value = 0; value < 256; value++) {
    const at = (value / 255) * (CIVIDIS.length - 1), low = Math.min(CIVIDIS.length - 2, Math.floor(at));
    const [r, g, b] = CIVIDIS[low].map((part, i) => Math.round(part + (at - low) * (CIVIDIS[low + 1][i] - part)));
    colors[value] = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
  }
  return colors;
}
