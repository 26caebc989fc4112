// The one place that speaks HTTP. Every call is remembered, so that the page can show it as curl.

const KEY = "medley-key";
const REMEMBERED = 60;

export const calls = [];
export const bus = new EventTarget();

export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail ?? `The service answered ${status}.`);
    this.status = status;
    this.code = body?.code ?? null;
    this.body = body;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
  /** Whom a user token is for; null for a server key, which stands for everybody. */
  subject() {
    try {
      const claims = key.get().split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(claims), (each) => each.charCodeAt(0)))).sub ?? null;
    } catch {
      return null;
    }
  },
};

let askForKey = null;
/** What to do when the service refuses: a function that is given the refusal and whether a key was sent, and resolves to whether
 * there is another key to try. */
export const onRefused = (ask) => (askForKey = ask);

export const at = (...segments) => "/v1/" + segments.map((each) => encodeURIComponent(each)).join("/");

function withQuery(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== null && each !== undefined && each !== "") search.append(name, each);
    }
  }
  return search.size ? `${path}?${search}` : path;
}

/** One call. A refusal asks for a key, as often as another one is given; with `quiet` that one is there but opens too little does
 * not. */
export async function call(method, path, { query, body, quiet = false, ...options } = {}) {
  const url = withQuery(path, query);
  for (;;) {
    const sent = key.get();
    const answer = await send(method, url, body, options);
    if (answer.ok) return answer.status === 204 ? null : options.text ? answer.text() : answer.json();
    const problem = new Problem(answer.status, await answer.json().catch(() => null));
    const refused = answer.status === 401 || (answer.status === 403 && sent && !quiet);
    // Several calls may be refused at once: what one asked for, the others try.
    const another = refused && ((key.get() && key.get() !== sent) || (await askForKey?.(problem, Boolean(sent))));
    if (!another) throw problem;
  }
}

async function send(method, url, body, { signal, keepalive, silent = false }) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  const began = performance.now();
  const record = { method, url, body, status: null, ms: null };
  try {
    const answer = await fetch(url, { method, headers, signal, keepalive, body: body === undefined ? undefined : JSON.stringify(body) });
    record.status = answer.status;
    return answer;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, { code: "unreachable", detail: "The service cannot be reached. Is it still running?" });
  } finally {
    record.ms = performance.now() - began;
    if (!silent && !signal?.aborted) remember(record);
  }
}

function remember(record) {
  calls.unshift(record);
  calls.length = Math.min(calls.length, REMEMBERED);
  bus.dispatchEvent(new CustomEvent("call", { detail: record }));
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A call as a command for a terminal. The key itself is never shown. */
export function asCurl({ method, url, body }) {
  const parts = ["curl"];
  if (method !== "GET") parts.push("-X", method);
  parts.push(quote(location.origin + url));
  if (key.get()) parts.push("\\\n  -H", '"Authorization: Bearer $MEDLEY_KEY"');
  if (body !== undefined) parts.push("\\\n  -H", quote("Content-Type: application/json"), "\\\n  -d", quote(JSON.stringify(body)));
  return parts.join(" ");
}

const get = (path, query, options = {}) => call("GET", path, { query, ...options });

export const api = {
  home: (user, query, options) => get(at("users", user, "home"), query, options),
  recommendations: (user, query, options) => get(at("users", user, "recommendations"), query, options),
  explanation: (user, item) => get(at("users", user, "recommendations", item, "explanation")),
  predictions: (user, items) => get(at("users", user, "predictions"), { item_id: items }),
  popular: (query) => get(at("popular"), query),
  similar: (item, query) => get(at("items", item, "similar"), query),
  item: (item) => get(at("items", item)),
  categories: () => get(at("categories")),
  search: (query, options) => get(at("search"), query, options),
  ratings: (user, query) => get(at("users", user, "ratings"), query),
  scale: () => get("/v1/rating-scale"),
  visitors: () => get(at("sample-users")),

  rateAll: (ratings) => call("POST", "/v1/ratings:batch", { body: { ratings } }),
  rate: (user, item, value) => call("PUT", at("users", user, "ratings", item), { body: { value } }),
  unrate: (user, item) => call("DELETE", at("users", user, "ratings", item)),
  event: (event) => call("POST", at("events"), { body: event }),
  events: (events, options) => call("POST", "/v1/events:batch", { body: { events }, silent: true, ...options }),
  takeBack: (event) => call("DELETE", at("events", event)),
  suppressions: (user) => get(at("users", user, "suppressions")),
  suppress: (user, kind, id) => call("PUT", at("users", user, "suppressions", kind, id)),
  restore: (user, kind, id) => call("DELETE", at("users", user, "suppressions", kind, id)),
  prefer: (user, preferences) => call("PUT", at("users", user, "preferences"), { body: preferences }),

  releases: () => get(at("releases"), { limit: 20 }, { silent: true }),
  activate: (release) => call("POST", `${at("releases", release)}:activate`),
  runs: () => get(at("training-runs"), { limit: 8 }, { silent: true }),
  train: () => call("POST", at("training-runs")),
  service: (query) => get(at("metrics", "service"), query, { silent: true }),
  online: (query) => get(at("metrics", "online"), query, { silent: true }),
  measures: () => get("/metrics", undefined, { text: true, silent: true, quiet: true }),
};
