/** A chat in one page: rooms, messages, threads, files, over REST and the reference client of the socket. */
import { AtelierEvents, Refused } from "../atelier-events.js";
import { SOCKET, anonymously, call, isSignedIn, keep, keepTokens, token } from "./server.js";
import { $, EMOJI, drawMessage, make } from "./showing.js";
import { Timeline } from "./timeline.js";

const [OUTBOX, ROOM, FAR, TYPING_EACH, TYPING_LASTS] = ["atelier-chat-outbox", "atelier-chat-room", 40, 3000, 6000];
const rooms = new Map();
const names = new Map();
const typing = new Map();
const outbox = JSON.parse(sessionStorage.getItem(OUTBOX) ?? "[]");
const [main, entrance, list] = [$("main"), $("#entrance"), $("#messages")];
let [me, client, room, timeline, thread] = [null, null, null, null, null];

const pause = (ms) => new Promise((go) => setTimeout(go, ms));
const api = (method, path, body) => call(method, `chat/${path}`, body);

const loadMessage = async (room, id) => (await api("GET", `rooms/${room}/messages/${id}/`)).data;

function tell(text) {
  Object.assign($("#notice"), { textContent: text, hidden: !text });
  clearTimeout(tell.timer);
  if (text) tell.timer = setTimeout(tell, 15_000, "");
}

/** What a person asked for: said if it does not work. */
const attempt = (work) => work().catch((error) => tell(error.message));

/** What must be done sooner or later: tried until the server is there. */
async function patiently(work) {
  for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
    try {
      return await work();
    } catch (error) {
      if (!error.isTemporary) return tell(error.message);
      await pause(error.wait || wait);
    }
  }
}

// Rooms ----------------------------------------------------------------------------------------------------------------

async function loadRooms() {
  const { data } = await api("GET", "rooms/?page_size=100");
  for (const id of [...rooms.keys()]) if (!data.some((found) => found.id === id)) rooms.delete(id);
  for (const found of data) {
    learn(found);
    if (!client.positions.has(`room:${found.id}`)) client.follow(`room:${found.id}`);
  }
  drawRooms();
  if (!room && data.length) await open(rooms.get(sessionStorage.getItem(ROOM)) ?? rooms.get(data[0].id));
}

/** What the API says of a room, with our place in it. */
function learn({ id, kind, name, topic, other, me: { role, read_number, unread }, last_number, last_message_at }) {
  const known = { id, kind, name: name || other?.name, topic, role, last_message_at };
  known.unread = { ...unread, read_number, last_number };
  rooms.set(id, Object.assign(rooms.get(id) ?? {}, known));
  return rooms.get(id);
}

/** Soon, and once, however many reasons there are. */
function loadRoomsSoon() {
  clearTimeout(loadRoomsSoon.timer);
  loadRoomsSoon.timer = setTimeout(patiently, 300, loadRooms);
}

function drawRooms() {
  const item = (one) => {
    const name = make("span", { textContent: one.name });
    const button = make("button", { type: "button", onclick: () => attempt(() => open(one)) }, name);
    button.ariaCurrent = String(one === room);
    if (one.unread.messages) button.append(make("b", { textContent: one.unread.messages, title: "Unread" }));
    if (one.unread.mentions) button.append(make("b", { textContent: "@", title: "Somebody means you" }));
    return make("li", {}, button);
  };
  const order = [...rooms.values()].sort((a, b) => (b.last_message_at ?? "").localeCompare(a.last_message_at ?? ""));
  $("#rooms").replaceChildren(...order.map(item));
  if (!room) return;
  $("#room h2").textContent = room.name;
  $("#room header p").textContent = [room.topic, room.online ? `${room.online} here now` : ""].filter(Boolean).join(" · ");
  $("#invite").hidden = !["owner", "admin", "moderator"].includes(room.role) || room.kind === "direct";
}

async function open(found) {
  closeThread();
  timeline?.close();
  room = found;
  sessionStorage.setItem(ROOM, room.id);
  const { read_number, messages } = room.unread;
  const draw = drawer(messages ? read_number + 1 : 0);
  const mine = (timeline = new Timeline(list, `chat/rooms/${room.id}/messages/`, { draw, onMove: moved }));
  drawRooms();
  await patiently(() => mine.load(messages > FAR ? read_number + 1 : null));
  for (const one of outbox) showPending(one);
  $("#room textarea").focus();
  api("GET", `rooms/${found.id}/presence/`).then(({ data }) => showOnline(found.id, data.count), () => {});
}

function showOnline(id, online) {
  if (rooms.has(id)) Object.assign(rooms.get(id), { online });
  drawRooms();
}

function forget(id) {
  rooms.delete(id);
  if (room?.id === id) {
    timeline.close();
    [room, timeline] = [null, null];
    list.replaceChildren();
  }
  loadRoomsSoon();
}

/** The pointer of what was read goes forward while somebody looks at the end. */
async function moved() {
  $("#newer").hidden = !timeline || timeline.isAtEnd;
  const [where, number] = [room, timeline?.last];
  if (document.hidden || moved.busy || !timeline?.isAtEnd || number <= where.unread.read_number) return;
  moved.busy = true;
  try {
    await api("POST", `rooms/${where.id}/read/`, { number });
    Object.assign(where.unread, { read_number: number, messages: Math.max(0, where.unread.last_number - number), mentions: 0 });
    drawRooms();
  } catch {
    // The next message or look tries again.
  } finally {
    moved.busy = false;
  }
  if (where === room && timeline.last > number) moved();
}

// Messages -------------------------------------------------------------------------------------------------------------

const drawer = (firstUnread) => (message) => drawMessage(message, { me: me.id, firstUnread, tools, act });

function tools(message) {
  const own = message.author.user === me.id;
  const mayDelete = own || ["owner", "admin", "moderator"].includes(room.role);
  if (message.pending) return message.failed ? [["Try again", "Try again", "again"], ["Drop", "Drop", "drop"]] : [];
  const found = EMOJI.map((emoji) => [emoji, `React with ${emoji}`, "react", emoji]);
  if (!message.root) found.push(["Answer", "Answer in a thread", "thread"]);
  if (own) found.push(["Edit", "Edit", "edit"]);
  if (mayDelete) found.push(["Delete", "Delete", "delete"]);
  return found;
}

const add = (path, emoji) => api("PUT", `${path}reactions/`, { emoji });

function act(name, message, detail) {
  const path = `rooms/${message.room}/messages/${message.id}/`;
  const isMine = message.my_reactions.includes(detail);
  const work = {
    react: () => (isMine ? api("DELETE", `${path}reactions/?emoji=${encodeURIComponent(detail)}`) : add(path, detail)),
    delete: () => api("DELETE", path),
    edit: () => beginEdit(message),
    thread: () => openThread(message),
    again: () => ((message.pending.failed = ""), showPending(message.pending), deliver()),
    drop: () => settle(message.pending.cid),
  }[name];
  attempt(async () => work());
}

const forms = [...document.querySelectorAll(".composer")];
for (const form of forms) {
  form.files = [];
  const text = form.elements.text;
  form.onsubmit = (event) => {
    event.preventDefault();
    attempt(() => submit(form));
  };
  text.onkeydown = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) form.onsubmit(event);
    else if (event.key === "Escape") endEdit(form);
    else if (event.key === "ArrowUp" && !text.value) {
      const last = place(form)?.items.findLast((item) => item.author.user === me.id && !item.deleted_at);
      if (last) beginEdit(last);
    }
  };
  text.oninput = () => sayTyping();
  text.onpaste = (event) => attempt(() => attach(form, [...event.clipboardData.files]));
}

const place = (form) => (form === forms[0] ? timeline : thread?.timeline);

function beginEdit(message) {
  const form = forms[message.root ? 1 : 0];
  form.editing = message;
  form.elements.text.value = message.text;
  form.elements.text.focus();
}

function endEdit(form) {
  form.editing = null;
  form.elements.text.value = "";
}

async function submit(form) {
  const text = form.elements.text.value;
  if (!room || (!text.trim() && !form.files.length)) return;
  if (form.editing) {
    const { room: where, id } = form.editing;
    await api("PATCH", `rooms/${where}/messages/${id}/`, { text });
    return endEdit(form);
  }
  const root = form === forms[0] ? null : thread.root.id;
  // The name we give it makes sending again safe: under one `cid` it is one message.
  const one = { cid: crypto.randomUUID(), room: room.id, root, text, files: form.files, created_at: new Date().toISOString() };
  endEdit(form);
  form.files = [];
  $(".attached", form)?.replaceChildren();
  outbox.push(one);
  await place(form).showEnd();
  showPending(one);
  deliver();
}

async function attach(form, files) {
  for (const file of files) {
    const body = new FormData();
    body.append("file", file);
    const { data } = await api("POST", "files/", body);
    form.files.push(data);
    const remove = make("button", { type: "button", textContent: "Remove" });
    const item = make("li", {}, `${data.filename} `, remove);
    remove.onclick = () => (item.remove(), (form.files = form.files.filter((one) => one !== data)));
    $(".attached", form).append(item);
  }
}

/** One after the other, in the order they were written; while the server is away they wait, also through a reload. */
async function deliver() {
  sessionStorage.setItem(OUTBOX, JSON.stringify(outbox));
  if (deliver.busy) return;
  deliver.busy = true;
  for (let one, wait = 250; (one = outbox.find((each) => !each.failed)); ) {
    try {
      const { cid, text, root, files } = one;
      const body = { cid, text, root, files: files.map((file) => file.id) };
      const { data } = await api("POST", `rooms/${one.room}/messages/`, body);
      $("#state").textContent = "";
      wait = 250;
      await take(data);
    } catch (error) {
      if (error.isTemporary) {
        $("#state").textContent = error.status === 429 ? "Slowly…" : "Not connected: what you write is sent later";
        await pause(error.wait || (wait = Math.min(2 * wait, 4000)));
      } else {
        one.failed = error.message;
        showPending(one);
      }
    }
  }
  deliver.busy = false;
}

function showPending(one) {
  if (one.room !== room?.id || (one.root ?? undefined) !== (one.root ? thread?.root.id : undefined)) return;
  const author = { user: me.id, name: me.name, is_bot: false };
  const rest = { id: one.cid, number: "", author, reactions: {}, my_reactions: [], previews: [], reply_count: 0 };
  const message = { ...one, ...rest, note: one.failed || "sending…", pending: one };
  const element = drawer(0)(message);
  element.classList.add("pending");
  element.classList.toggle("failed", Boolean(one.failed));
  (one.root ? thread.timeline : timeline).addPending(one.cid, element);
}

/** Nothing of ours is on its way under this name any more. */
function settle(cid) {
  const at = outbox.findIndex((one) => one.cid === cid);
  if (at >= 0) outbox.splice(at, 1);
  sessionStorage.setItem(OUTBOX, JSON.stringify(outbox));
  timeline?.dropPending(cid);
  thread?.timeline.dropPending(cid);
}

/** A message that is there: from the socket or as the answer to sending it, whichever comes first. */
async function take(message) {
  names.set(message.author.user, message.author.name);
  const known = rooms.get(message.room);
  if (message.author.user === me.id) settle(message.cid);
  const isHere = message.root ? thread?.root.id === message.root : message.room === room?.id;
  const target = message.root ? thread?.timeline : timeline;
  if (isHere) {
    await target.idle;
    target.add(message);
  }
  if (message.root) return timeline?.change(message.root, (root) => ({ reply_count: Math.max(root.reply_count, message.number) }));
  if (!known || message.number <= known.unread.last_number) return;
  Object.assign(known, { last_message_at: message.created_at });
  Object.assign(known.unread, { last_number: message.number });
  if (message.author.user === me.id) known.unread.read_number = message.number;
  known.unread.messages = message.number - known.unread.read_number;
  drawRooms();
  if (message.room === room?.id) moved();
}

// Threads --------------------------------------------------------------------------------------------------------------

async function openThread(root) {
  closeThread();
  const path = `chat/rooms/${root.room}/messages/${root.id}/thread/`;
  $("#thread h2").textContent = root.text || root.author.name;
  $("#thread").hidden = false;
  thread = { root, timeline: new Timeline($("#thread ol"), path, { draw: drawer(0) }) };
  forms[1].elements.text.focus();
  await thread.timeline.load();
  for (const one of outbox) showPending(one);
}

function closeThread() {
  thread?.timeline.close();
  thread = null;
  endEdit(forms[1]);
  $("#thread").hidden = true;
}

// Events ---------------------------------------------------------------------------------------------------------------

const fresh = { reactions: {}, my_reactions: [], previews: [], reply_count: 0, edited_at: null, deleted_at: null };
const gone = { text: "", files: [], reactions: {}, previews: [] };

/** What an event changes of a message. */
const changes = {
  "message.updated": ({ text, edited_at, previews }) => ({ text, edited_at, previews }),
  "message.deleted": () => ({ ...gone, deleted_at: new Date().toISOString() }),
  "message.reaction": (event) => (message) => {
    const { [event.emoji]: before, ...others } = message.reactions;
    const mine = message.my_reactions.filter((emoji) => event.user !== me.id || emoji !== event.emoji);
    if (event.user === me.id && event.added) mine.push(event.emoji);
    return { reactions: event.count ? { ...message.reactions, [event.emoji]: event.count } : others, my_reactions: mine };
  },
};

async function onEvent(event) {
  const [kind, id] = event.s.split(":");
  if (event.t === "unsubscribed" || event.t === "room.deleted") return kind === "room" ? forget(id) : undefined;
  if (event.t === "message.created") return take({ ...fresh, ...event.d, id: event.d.message });
  if (event.t === "typing") return showTyping(id, event.d.user);
  if (event.t === "presence") return showOnline(id, event.d.count);
  if (event.t === "member.joined") return names.set(event.d.user, event.d.name);
  if (changes[event.t]) {
    const [changed, shown] = [event.d.message, [timeline, thread?.timeline].filter((one) => one)];
    for (const target of shown) await target.idle;
    // Without a text not all who follow may see it: who has it on the page loads it.
    const isHidden = event.d.text === null && shown.some((target) => target.find(changed));
    const seen = isHidden ? await patiently(() => loadMessage(id, changed)) : event.d;
    if (seen) for (const target of shown) target.change(changed, changes[event.t](seen));
  } else if (event.t.startsWith("chat.") || event.t === "room.updated") loadRoomsSoon();
}

/** Begin anew where we are: everything, or one room. */
async function onReset(stream) {
  if (stream.startsWith("user:")) return patiently(loadRooms);
  loadRoomsSoon();
  if (stream !== `room:${room?.id}`) return;
  await patiently(() => timeline.reload());
  if (thread) await patiently(() => thread.timeline.reload());
}

function sayTyping() {
  if (!room || Date.now() - (sayTyping.at ?? 0) < TYPING_EACH) return;
  sayTyping.at = Date.now();
  api("POST", `rooms/${room.id}/typing/`).catch(() => {});
}

function showTyping(where, user) {
  if (user === me.id) return;
  typing.set(user, { where, until: Date.now() + TYPING_LASTS });
  const show = () => {
    const now = [...typing].filter(([, one]) => one.where === room?.id && one.until > Date.now());
    const who = now.map(([id]) => names.get(id) ?? "Somebody").join(", ");
    $("#typing").textContent = who && `${who} ${now.length === 1 ? "is" : "are"} typing…`;
  };
  show();
  setTimeout(show, TYPING_LASTS + 50);
}

// Coming and going -----------------------------------------------------------------------------------------------------

const invitation = new URLSearchParams(location.search).get("invite");

function withoutInvitation() {
  const address = new URL(location.href);
  address.searchParams.delete("invite");
  history.replaceState(null, "", address);
}

async function start() {
  const { data } = await call("GET", "auth/me/");
  me = { id: data.id, name: data.profile.display_name || data.username };
  $("#myself").textContent = me.name;
  const join = async () => sessionStorage.setItem(ROOM, (await api("POST", "join/", { token: invitation })).data.id);
  if (invitation && !data.is_guest) await attempt(join);
  withoutInvitation();
  [entrance.hidden, main.hidden] = [true, false];
  $("#new-room").hidden = data.is_guest;
  const giveToken = () => token().catch((error) => Promise.reject(error.isTemporary ? error : new Refused(error.message)));
  client = new AtelierEvents(SOCKET, { token: giveToken, onEvent, onReset });
  client.follow(`user:${me.id}`);
  deliver();
  await client.run().catch((error) => tell(`Signed out: ${error.message}`));
}

async function offerEntrance() {
  [entrance.hidden, main.hidden] = [false, true];
  if (!invitation) return;
  const { data } = await anonymously("POST", "chat/join/preview/", { token: invitation });
  Object.assign($("#invited"), { hidden: false, textContent: `You are invited to ${data.name} (${data.member_count} people).` });
  $("#as-guest").hidden = data.role !== "guest";
}

entrance.onsubmit = async (event) => {
  event.preventDefault();
  const { display_name, username, password, token: pasted } = Object.fromEntries(new FormData(entrance));
  const way = event.submitter?.value ?? "password";
  try {
    if (way === "guest") keepTokens((await anonymously("POST", "chat/join/guest/", { token: invitation, display_name })).data);
    else if (way === "token") keep(pasted.startsWith("atl_") ? { key: pasted.trim() } : { access: pasted.trim() });
    else keepTokens((await anonymously("POST", "auth/login/", { username, password })).data);
    await start();
  } catch (error) {
    keep(null);
    $("[role=alert]", entrance).textContent = error.message;
  }
};
$("#leave").onclick = async () => {
  await call("POST", "auth/logout/").catch(() => {});
  keep(null);
  location.reload();
};
$("#new-room").onclick = () =>
  attempt(async () => {
    const name = prompt("What shall the room be called?");
    if (name) await open(learn((await api("POST", "rooms/", { kind: "group", name })).data));
  });
$("#invite").onclick = () =>
  attempt(async () => {
    const { data } = await api("POST", `rooms/${room.id}/links/`, { role: "guest", expires_in: 86_400 });
    const address = new URL(location.href);
    address.searchParams.set("invite", data.token);
    await navigator.clipboard?.writeText(address.href).catch(() => {});
    tell(`Copied, good for a day: ${address.href}`);
  });
$("#newer").onclick = () => attempt(() => timeline.showEnd());
$("#close-thread").onclick = closeThread;
$("#room input[type=file]").onchange = ({ target }) =>
  attempt(() => attach(forms[0], [...target.files]).finally(() => (target.value = "")));
document.onvisibilitychange = () => moved();
addEventListener("online", deliver);
if (isSignedIn()) await start().catch(() => attempt(offerEntrance));
else await attempt(offerEntrance);
