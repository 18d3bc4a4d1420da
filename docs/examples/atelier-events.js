/**
 * Follow Atelier's streams of events over its socket, in a browser. Copy this file; it needs nothing else.
 *   const client = new AtelierEvents("https://api.example.com", { token, onEvent, onReset });
 *   client.follow("user:0199a1c2-…");
 *   await client.run();     // until stop(); throws Refused, and what onEvent and onReset throw
 *
 * `token()` returns an access token or an API key, anew for each connection; when it throws (not Refused) it is asked again later.
 * `onEvent(event)` gets each event once, in order: `{t: type, s: stream, seq, ts: milliseconds, id, d: payload}`; it counts as had
 * when `onEvent` is done. Without a seq it is ephemeral, or `unsubscribed`: the stream may not be followed. `onReset(stream)` says
 * to load its state over REST: at the beginning, and when what was missed cannot be had here (too much, too long ago). All three
 * may be async. Keep `client.positions` to go on after a reload of the page: `follow(stream, position)`.
 */
const [NEW_TOKEN, FINAL] = [4401, [4400, 4403]];
const [MAX_REFUSALS, MAX_PAUSE, PATIENCE, MAX_WAITING] = [3, 30_000, 25_000, 1000];

/** The server will not have this client; trying again would not help. */
export class Refused extends Error {}

/** This connection is of no use any more; the next one resumes. `code` is the close code, 0 without one. */
const lost = (reason, code = 0) => Object.assign(new Error(`${code} ${reason}`), { isLost: true, code });

export class AtelierEvents {
  /** Stream → [epoch, seq of the last event had]; null until the first answer. */
  positions = new Map();
  #socket = null;
  #isOpen = false;
  #stopped = false;
  #failures = 0;
  #refusals = 0;
  #hint = null;

  constructor(url, { token, onEvent, onReset }) {
    Object.assign(this, { url: url.replace(/\/$/, ""), token, onEvent, onReset });
  }

  /** Follow a stream from now on, or from after a kept position. */
  follow(stream, position = null) {
    this.positions.set(stream, position);
    if (this.#isOpen) this.#subscribe([stream]);
  }

  stop() {
    this.#stopped = true;
    this.#socket?.close();
  }

  async run() {
    for (this.#stopped = false; !this.#stopped; ) {
      this.#hint = null;
      try {
        await this.#connection();
      } catch (error) {
        if (!error.isLost) throw error;
        this.#refusals += error.code === NEW_TOKEN;
        if (FINAL.includes(error.code) || this.#refusals >= MAX_REFUSALS) throw new Refused(error.message);
      }
      this.#failures += 1;
      const backoff = (0.1 + 0.9 * Math.random()) * Math.min(MAX_PAUSE, 500 * 2 ** Math.min(this.#failures, 8));
      if (!this.#stopped) await new Promise((resolve) => setTimeout(resolve, this.#hint ?? backoff));
    }
  }

  async #connection() {
    const refuse = (error) => Promise.reject(error instanceof Refused ? error : lost("no token"));
    const token = await new Promise((resolve) => resolve(this.token())).catch(refuse);
    if (this.#stopped) return;
    const socket = (this.#socket = new WebSocket(`${this.url.replace(/^http/, "ws")}/ws/v1/`));
    let [work, waiting, silent, timer] = [Promise.resolve(), 0, 0, null];
    try {
      await new Promise((_, fail) => {
        socket.onopen = () => this.#send({ id: "auth", t: "auth", token });
        socket.onmessage = ({ data }) => {
          silent = 0;
          // The application is slow: have the rest sent again when it has caught up.
          if (++waiting > MAX_WAITING) socket.close();
          // One frame after the other, each after the application's work on the one before.
          work = work.then(() => this.#take(JSON.parse(data))).then(() => (waiting -= 1));
          work.catch(fail);
        };
        socket.onclose = ({ code, reason }) => work.then(() => fail(lost(reason, code)), fail);
        timer = setInterval(() => (silent++ ? fail(lost("silent")) : this.#send({ id: "ping", t: "ping" })), PATIENCE);
      });
    } finally {
      clearInterval(timer);
      this.#isOpen = false;
      socket.close();
      await work.catch(() => {}); // Two connections never speak to the application at once.
    }
  }

  #send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #subscribe(names) {
    const position = (at) => (at ? { epoch: at[0], since: at[1] } : {});
    const streams = Object.fromEntries(names.map((name) => [name, position(this.positions.get(name))]));
    this.#send({ id: "sub", t: "sub", streams });
  }

  #hello(frame) {
    if (!frame.ok) return this.#takeHint(frame); // The close code that follows says what to do.
    const names = [...this.positions.keys()];
    while (names.length) this.#subscribe(names.splice(0, frame.d.limits.streams_per_frame));
    this.#isOpen = true;
  }

  #takeHint(frame) {
    this.#hint = (frame.err ?? frame.d)?.retry_ms ?? null;
  }

  async #take(frame) {
    if (frame.id === "auth") this.#hello(frame);
    else if (frame.id === "sub") await this.#subscribed(frame);
    else if (frame.t === "restart") this.#takeHint(frame);
    else if (frame.t === "reset") await this.#reset(frame.s, frame);
    else if (frame.s) await this.#event(frame);
  }

  async #subscribed(frame) {
    if (!frame.ok) {
      this.#takeHint(frame);
      throw frame.err.temporary ? lost(frame.err.code) : new Refused(frame.err.code);
    }
    this.#failures = this.#refusals = 0;
    for (const [name, found] of Object.entries(frame.d)) {
      const at = this.positions.get(name);
      if (found.error) await this.#event({ t: "unsubscribed", s: name, d: found.error });
      else if (at && found.recovered) for (const event of found.events) await this.#event(event);
      else await this.#reset(name, found);
    }
  }

  async #event(event) {
    const at = this.positions.get(event.s);
    if (event.t === "unsubscribed") this.positions.delete(event.s);
    else if (!at || event.seq <= at[1]) return;
    // A gap is never stepped over: the next subscription begins after what we have.
    else if (event.seq > at[1] + 1) throw lost("a gap");
    await this.onEvent(event);
    if (event.seq) this.positions.set(event.s, [at[0], event.seq]);
  }

  async #reset(stream, found) {
    if (!this.positions.has(stream)) return;
    await this.onReset(stream);
    this.positions.set(stream, [found.epoch, found.seq]);
  }
}
