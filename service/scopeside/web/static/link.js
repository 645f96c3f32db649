// The page's WebSocket: asks for the next picture and the next state once it has shown the last, so
// that a slow page gets fewer and a hidden one none; connects again when the service comes back.

const FIRST_S = 0.5, LAST_S = 5;

export class Link {
  #socket = null;
  #wait_s = FIRST_S;
  #calls = new Map();
  #called = 0;
  #cursors = null;
  #asked = { picture: false, state: false };

  // `see(header, buffer)` may return a promise; the next picture is asked for when it is done.
  constructor({ see, tell, up, down, wanted }) {
    Object.assign(this, { see, tell, up, down, wanted });
    this.after = 0;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.askAll();
    });
    this.#connect();
  }

  call(cmd, args = {}) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(new Error("The service is not connected."));
        return;
      }
      const id = ++this.#called;
      this.#calls.set(id, { resolve, reject });
      this.#send({ type: "call", id, cmd, arguments: args });
    });
  }

  // Ask anew, though the picture is the same: it is wanted in another size or with confidence.
  askPictureAgain() {
    this.after = 0;
    this.#askPicture();
  }

  askAll() {
    if (!this.#asked.picture) this.#askPicture();
    if (!this.#asked.state) this.#askState();
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/live`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#wait_s = FIRST_S;
      this.after = 0;
      this.#cursors = { frames: [0, 0], service: [0, 0], event: 0 };
      this.#asked = { picture: false, state: false };
      this.up();
      this.askAll();
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.#takeText(JSON.parse(data));
      else this.#takePicture(data);
    };
    socket.onclose = () => {
      for (const { reject } of this.#calls.values()) reject(new Error("The connection was lost."));
      this.#calls.clear();
      this.#asked = { picture: false, state: false };
      this.down(this.#wait_s);
      setTimeout(() => this.#connect(), 1000 * this.#wait_s);
      this.#wait_s = Math.min(LAST_S, 2 * this.#wait_s);
    };
    this.#socket = socket;
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #askPicture() {
    if (document.hidden) return;
    this.#asked.picture = true;
    this.#send({ type: "picture", after: this.after, ...this.wanted() });
  }

  #askState() {
    if (document.hidden) return;
    this.#asked.state = true;
    this.#send({ type: "state", ...this.#cursors });
  }

  async #takePicture(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    this.after = header.seq;
    try {
      await this.see(header, buffer, 4 + length);
    } finally {
      this.#asked.picture = false;
      this.#askPicture();
    }
  }

  #takeText(message) {
    if (message.type === "reply") {
      const waiting = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if (message.ok) waiting?.resolve(message.reply);
      else waiting?.reject(new Error(message.why));
      return;
    }
    const { frames, service, event } = message;
    this.#cursors = {
      frames: [frames.version, frames.count],
      service: [service.version, service.count],
      event,
    };
    this.#asked.state = false;
    this.tell(message);
    this.#askState();
  }
}
