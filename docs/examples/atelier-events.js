/**
 * Follow Atelier's streams of events over its socket, in a browser. Copy this file; it needs nothing else.
 *
 *   const client = new AtelierEvents("https://api.example.com", { token, onEvent, onReset });
 *   client.follow("user:0199a1c2-…");
 *   await client.run();     // until stop(); throws Refused, and what onEvent and onReset throw
 *
 * `token()` returns an access token or an API key and is called anew at each connection; when it throws, it is asked again later,
 * unless it throws Refused. `onEvent(event)` gets each event once, in order: `{t: type, s: stream, seq, ts: milliseconds, id,
 * d: payload}`; it counts as had when `onEvent` is done. Without a seq it is ephemeral, or `unsubscribed`: the stream may not be
 * followed. `onReset(stream)` says to load a stream's state over REST: at the beginning, and when what was missed cannot be had
 * any more. All three may be async. Keep `client.positions` to go on after a reload of the page: `follow(stream, position)`.
 */

const [BAD_FRAME, NEW_TOKEN, FORBIDDEN] = [4400, 4401, 4403];
const [MAX_REFUSALS, MAX_PAUSE, PATIENCE, MAX_WAITING] = [3, 30_000, 30_000, 1000];
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The server will not have this client; trying again would not help. */
export class Refused extends Error {}

/** This connection is of no use any more; the next one resumes. `code` is the close code, 0 without one. */
class Lost extends Error {
  constructor(reason, code = 0) {
    super(`${code} ${reason}`);
    this.code = code;
  }
}

/** A socket whose messages are taken one by one, each after the work on the one before. */
class Inbox {
  #frames = [];
  #end = null;
  #wake = () => {};

  constructor(url, first) {
    this.socket = new WebSocket(url);
    this.socket.onopen = () => this.send(first);
    this.socket.onmessage = ({ data }) => {
      this.#frames.push(JSON.parse(data));
      // The application is slow: have the rest sent again when it has caught up.
      if (this.#frames.length > MAX_WAITING) this.socket.close();
      this.#wake();
    };
    this.socket.onclose = ({ code, reason }) => {
      this.#end = new Lost(reason, code);
      this.#wake();
    };
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** The next frame; null after so many milliseconds without one. Throws Lost when the connection has ended. */
  async next(milliseconds) {
    if (!this.#frames.length && !this.#end) {
      let timer;
      await new Promise((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, milliseconds);
      });
      clearTimeout(timer);
    }
    if (this.#frames.length) return this.#frames.shift();
    if (this.#end) throw this.#end;
    return null;
  }
}

export class AtelierEvents {
  /** Stream → [epoch, seq of the last event had]; null until the first answer. */
  positions = new Map();
  #inbox = null;
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
    if (this.#inbox) this.#subscribe(this.#inbox, [stream]);
  }

  /** End `run`. */
  stop() {
    this.#stopped = true;
    this.#inbox?.socket.close();
  }

  /** Follow until stopped, over any number of connections. */
  async run() {
    for (this.#stopped = false; !this.#stopped; ) {
      this.#hint = null;
      try {
        await this.#connection();
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        this.#refusals += error.code === NEW_TOKEN;
        const isFinal = error.code === BAD_FRAME || error.code === FORBIDDEN || this.#refusals >= MAX_REFUSALS;
        if (isFinal) throw new Refused(error.message);
      }
      this.#failures += 1;
      const backoff = (0.1 + 0.9 * Math.random()) * Math.min(MAX_PAUSE, 500 * 2 ** Math.min(this.#failures, 8));
      if (!this.#stopped) await sleep(this.#hint ?? backoff);
    }
  }

  async #connection() {
    const token = await this.#getToken();
    const inbox = new Inbox(`${this.url.replace(/^http/, "ws")}/ws/v1/`, { id: "auth", t: "auth", token });
    try {
      let hello;
      while (!(hello = await inbox.next(PATIENCE))?.ok) {
        if (!hello) throw new Lost("silent");
        this.#takeHint(hello); // Refused or restarting: the close code that follows says what to do.
      }
      const names = [...this.positions.keys()];
      const size = hello.d.limits.streams_per_frame;
      for (let start = 0; start < names.length; start += size) this.#subscribe(inbox, names.slice(start, start + size));
      this.#inbox = inbox;
      for (let silent = false; !this.#stopped; ) {
        const frame = await inbox.next(hello.d.ping * 1000);
        if (frame) await this.#take(frame);
        else if (silent) throw new Lost("silent");
        else inbox.send({ id: "ping", t: "ping" });
        silent = !frame;
      }
    } finally {
      this.#inbox = null;
      inbox.socket.close();
    }
  }

  #subscribe(inbox, names) {
    const wanted = names.map((name) => [name, this.positions.get(name)]);
    const streams = Object.fromEntries(wanted.map(([name, at]) => [name, at ? { epoch: at[0], since: at[1] } : {}]));
    inbox.send({ id: "sub", t: "sub", streams });
  }

  #takeHint(frame) {
    this.#hint = (frame.err ?? frame.d)?.retry_ms ?? null;
  }

  async #take(frame) {
    if (frame.id === "sub") await this.#subscribed(frame);
    else if (frame.t === "restart") this.#takeHint(frame);
    else if (frame.t === "reset") await this.#reset(frame.s, frame);
    else if (frame.s) await this.#event(frame);
  }

  async #subscribed(frame) {
    if (!frame.ok) {
      this.#takeHint(frame);
      throw new (frame.err.temporary ? Lost : Refused)(frame.err.code);
    }
    this.#failures = this.#refusals = 0;
    for (const [name, found] of Object.entries(frame.d)) {
      const at = this.positions.get(name);
      if (found.error) await this.#event({ t: "unsubscribed", s: name, d: found.error });
      else if (at && found.recovered) for (const event of found.events) await this.#event(event);
      else if (at && at[0] === found.epoch && at[1] <= found.seq) await this.#readPages(name, found);
      else await this.#reset(name, found);
    }
  }

  /** Too far behind for the socket: read what is missing over HTTP. What happens meanwhile waits in the inbox. */
  async #readPages(stream, found) {
    for (let more = true, at; more && (at = this.positions.get(stream)); ) {
      const page = await this.#get(new URLSearchParams({ stream, epoch: at[0], since: at[1], limit: 500 }));
      more = page.meta.stream.more;
      if (!page.meta.stream.recovered) await this.#reset(stream, found);
      for (const { type, seq, id, timestamp, data } of page.data) {
        await this.#event({ t: type, s: stream, seq, ts: Date.parse(timestamp), id, d: data });
      }
    }
  }

  async #getToken() {
    try {
      return await this.token();
    } catch (error) {
      throw error instanceof Refused ? error : new Lost("no token");
    }
  }

  async #get(query) {
    const token = await this.#getToken();
    const headers = { Authorization: `${token.startsWith("atl_") ? "ApiKey" : "Bearer"} ${token}` };
    const answer = await fetch(`${this.url}/api/v1/events/?${query}`, { headers }).catch(() => null);
    if (!answer?.ok) throw new Lost("a page of events could not be read");
    return answer.json();
  }

  async #event(event) {
    const at = this.positions.get(event.s);
    if (event.t === "unsubscribed") this.positions.delete(event.s);
    else if (!at || event.seq <= at[1]) return;
    // A gap is never stepped over: the next subscription begins after what we have.
    else if (event.seq > at[1] + 1) throw new Lost("a gap");
    await this.onEvent(event);
    if (event.seq) this.positions.set(event.s, [at[0], event.seq]);
  }

  async #reset(stream, found) {
    if (!this.positions.has(stream)) return;
    await this.onReset(stream);
    this.positions.set(stream, [found.epoch, found.seq]);
  }
}
