/**
 * Messages of a room or of a thread, by number, in a list that scrolls without end both ways.
 *
 * The page holds WINDOW of them: what scrolls far away is dropped, and loaded again on the way back. What the socket tells is
 * put in by number, once, whatever order it and the answers come in; while a page is being loaded it waits (`idle`).
 */
import { call } from "./server.js";

const [PAGE, WINDOW, NEAR, AT_END] = [50, 200, 800, 60];

export class Timeline {
  items = [];
  hasBefore = false;
  /** Until the first page is there, what comes is on it. */
  hasAfter = true;
  idle = Promise.resolve();
  #byId = new Map();
  #closed = false;
  #pending = new Map();

  /** `draw(message)` makes an element of a message; `onMove` is told when the end comes into view or leaves it. */
  constructor(list, path, { draw, onMove = () => {} }) {
    Object.assign(this, { list, path, draw, onMove });
    list.replaceChildren();
    list.onscroll = () => this.#moved();
  }

  close() {
    this.#closed = true;
    this.list.onscroll = null;
  }

  get last() {
    return this.items.at(-1)?.number ?? 0;
  }

  get isAtEnd() {
    return !this.hasAfter && this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < AT_END;
  }

  find(id) {
    return this.#byId.get(id);
  }

  /** Begin anew: with the newest messages, or with those around a number, which is then in view. */
  load(around = null) {
    return this.#alone(() => this.#replace(around, () => [around, this.list.clientHeight / 3]));
  }

  /** The same place anew, where something may have been missed. */
  reload() {
    const place = () => {
      const seen = this.isAtEnd ? null : this.#seen();
      return seen ? [seen.number, seen.element.offsetTop - this.list.scrollTop] : [null];
    };
    return this.#alone(() => this.#replace(place()[0], place));
  }

  /** The newest messages, and the view on the last of them. */
  async showEnd() {
    if (this.hasAfter) await this.load();
    else this.toEnd();
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  /** Put in a message, if this is its place: the next pages have what is not put in. */
  add(message) {
    if (this.#closed || this.#byId.has(message.id)) return;
    if (message.number > this.last ? this.hasAfter : this.hasBefore && message.number < this.items[0].number) return;
    const follow = this.isAtEnd;
    // Somebody reads further up and much is written: the rest is loaded when they come down.
    if (!follow && message.number > this.last && this.items.length >= WINDOW + PAGE) this.hasAfter = true;
    else this.#keepPlace(() => this.#insert(message));
    if (follow) this.toEnd();
    if (follow && this.items.length > WINDOW) this.#drop(this.items.splice(0, this.items.length - WINDOW), "hasBefore");
  }

  /** Change what is known of a message, if it is here; `change` may be a function of the message. */
  change(id, change) {
    const item = this.#byId.get(id);
    if (!item || this.#closed) return;
    Object.assign(item, typeof change === "function" ? change(item) : change);
    const [follow, element] = [this.isAtEnd, this.draw(item)];
    this.#keepPlace(() => item.element.replaceWith(element));
    item.element = element;
    if (follow) this.toEnd();
  }

  /** A message that is on its way stays below all others. */
  addPending(cid, element) {
    this.#pending.get(cid)?.remove();
    this.#pending.set(cid, element);
    this.list.append(element);
    if (!this.hasAfter) this.toEnd();
  }

  dropPending(cid) {
    this.#pending.get(cid)?.remove();
    this.#pending.delete(cid);
  }

  /** `place()` is the number that shall be in view when the page is there, and how far down. */
  async #replace(around, place) {
    const page = await this.#page(around === null ? "" : `&around=${around}`);
    if (this.#closed) return;
    const [number, down] = place();
    for (const item of this.items.splice(0)) item.element.remove();
    this.#byId.clear();
    for (const message of page.data) this.#insert(message);
    [this.hasBefore, this.hasAfter] = [page.meta.has_before, page.meta.has_after];
    const seen = number === null ? null : this.items.find((item) => item.number >= number);
    if (seen) this.list.scrollTop = seen.element.offsetTop - down;
    else this.toEnd();
  }

  #page(where) {
    return call("GET", `${this.path}?limit=${PAGE}${where}`);
  }

  /** One load after the other. */
  #alone(work) {
    const done = this.idle.then(() => this.#closed || work());
    this.idle = done.catch(() => {});
    return done.then(() => void this.#moved());
  }

  #insert(message) {
    if (this.#byId.has(message.id)) return;
    let at = this.items.length;
    while (at > 0 && this.items[at - 1].number > message.number) at -= 1;
    const item = { ...message, element: this.draw(message) };
    const [firstPending] = this.#pending.values();
    this.list.insertBefore(item.element, this.items[at]?.element ?? firstPending ?? null);
    this.items.splice(at, 0, item);
    this.#byId.set(item.id, item);
  }

  #drop(items, left) {
    this.#keepPlace(() => {
      for (const item of items) {
        item.element.remove();
        this.#byId.delete(item.id);
      }
    });
    if (items.length) this[left] = true;
  }

  /** The first message in view. */
  #seen() {
    return this.items.find(({ element }) => element.offsetTop + element.offsetHeight > this.list.scrollTop);
  }

  /** Whatever happens above or below, what is being read stays where it is. */
  #keepPlace(work) {
    const seen = this.#seen()?.element;
    const distance = seen ? seen.offsetTop - this.list.scrollTop : 0;
    work();
    if (seen?.isConnected) this.list.scrollTop = seen.offsetTop - distance;
  }

  #isLoading = false;

  async #moved() {
    if (this.#closed) return;
    this.onMove();
    const { scrollTop, scrollHeight, clientHeight } = this.list;
    const wanted = [this.hasBefore && scrollTop < NEAR, this.hasAfter && scrollHeight - scrollTop - clientHeight < NEAR];
    if (this.#isLoading || !this.items.length || !wanted.includes(true)) return;
    this.#isLoading = true;
    try {
      await this.#alone(() => (wanted[0] ? this.#before() : this.#after())).catch(() => new Promise((go) => setTimeout(go, 1000)));
    } finally {
      this.#isLoading = false;
    }
    this.#moved();
  }

  async #before() {
    const page = await this.#page(`&before=${this.items[0].number}`);
    if (this.#closed) return;
    this.#keepPlace(() => page.data.toReversed().forEach((message) => this.#insert(message)));
    this.hasBefore = page.meta.has_before;
    this.#drop(this.items.splice(WINDOW), "hasAfter");
  }

  async #after() {
    const page = await this.#page(`&after=${this.last}`);
    if (this.#closed) return;
    this.#keepPlace(() => page.data.forEach((message) => this.#insert(message)));
    this.hasAfter = page.meta.has_after;
    this.#drop(this.items.splice(0, Math.max(0, this.items.length - WINDOW)), "hasBefore");
  }
}
