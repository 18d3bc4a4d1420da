/** Calls of the API: who is signed in, tokens that are renewed in time, and errors that say whether trying again helps. */
const query = new URLSearchParams(location.search);
const guessed = location.pathname.startsWith("/examples/") ? location.origin : "http://localhost:8000";
const trimmed = (url) => url.replace(/\/$/, "");

/** `make run` has sockets on the port after the API's; behind a proxy both have one address. */
function beside(url) {
  const found = new URL(url);
  if (found.port) found.port = Number(found.port) + 1;
  return trimmed(found.href);
}

export const API = trimmed(query.get("api") ?? guessed);
export const SOCKET = trimmed(query.get("socket") ?? beside(API));
const [KEPT, EARLY] = ["atelier-chat", 30_000];

/** A refusal: `isTemporary` says that the same call may succeed later, `wait` when, in milliseconds. */
export class Refusal extends Error {
  constructor(status, error, retryAfter) {
    super(error?.details?.[0]?.message ?? error?.message ?? `The server answered ${status}.`);
    Object.assign(this, { status, code: error?.code ?? "", wait: 1000 * (Number(retryAfter) || 0) });
    this.isTemporary = status === 0 || status === 429 || status >= 500;
  }
}

/** {key} of a program, or {access, refresh, ends} of a person; it lives as long as the tab. */
let credential = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
let renewal = null;

export const isSignedIn = () => credential !== null;

export function keep(found) {
  credential = found;
  if (found) sessionStorage.setItem(KEPT, JSON.stringify(found));
  else sessionStorage.clear();
}

export const keepTokens = ({ access, refresh, expires_in }) => keep({ access, refresh, ends: Date.now() + 1000 * expires_in });

/** An access token that lasts, or the API key. */
export async function token() {
  if (!credential) throw new Refusal(401, { message: "Nobody is signed in." });
  if (credential.refresh && credential.ends - Date.now() < EARLY) await (renewal ??= renew().finally(() => (renewal = null)));
  return credential.key ?? credential.access;
}

async function renew() {
  keepTokens((await exchange("POST", "auth/refresh/", { refresh: credential.refresh }, {})).data);
}

/** The whole answer, `{data, meta}`; null of one without content. Throws Refusal. */
export async function call(method, path, body = null) {
  const bearer = await token();
  return exchange(method, path, body, { Authorization: `${credential.key ? "ApiKey" : "Bearer"} ${bearer}` });
}

/** The same for who is not signed in yet. */
export const anonymously = (method, path, body) => exchange(method, path, body, {});

/** A file's content, as an address that images and links take. */
export async function content(path) {
  const response = await send("GET", path, null, { Authorization: `${credential.key ? "ApiKey" : "Bearer"} ${await token()}` });
  if (!response.ok) throw new Refusal(response.status);
  return URL.createObjectURL(await response.blob());
}

async function exchange(method, path, body, headers) {
  const response = await send(method, path, body, headers);
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(response.status, answer?.error, response.headers.get("Retry-After"));
  return answer;
}

async function send(method, path, body, headers) {
  const isForm = body instanceof FormData;
  const options = { method, headers: { ...headers, ...(body && !isForm && { "Content-Type": "application/json" }) } };
  if (body) options.body = isForm ? body : JSON.stringify(body);
  try {
    return await fetch(`${API}/api/v1/${path}`, options);
  } catch {
    throw new Refusal(0, { message: "The server cannot be reached." });
  }
}
