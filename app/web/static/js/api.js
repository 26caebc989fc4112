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
};

let askForKey = null;
/** What to do when the service asks for a key: a function that resolves to whether there is a new one. */
export const onKeyNeeded = (ask) => (askForKey = ask);

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

export async function call(method, path, { query, body, signal, text = false, silent = false, asked = false } = {}) {
  const url = withQuery(path, query);
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  const began = performance.now();
  const record = { method, url, body, status: null, ms: null, at: new Date() };
  let answer;
  try {
    answer = await fetch(url, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
    record.status = answer.status;
  } finally {
    record.ms = performance.now() - began;
    if (!silent && !signal?.aborted) remember(record);
  }
  // A key that opens too little is asked for again.
  const shut = answer.status === 401 || (answer.status === 403 && key.get());
  if (shut && askForKey && !asked && (await askForKey())) {
    return call(method, path, { query, body, signal, text, silent, asked: true });
  }
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => null));
  if (answer.status === 204) return null;
  return text ? answer.text() : answer.json();
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
  user: (user) => get(at("users", user)),
  ratings: (user, query) => get(at("users", user, "ratings"), query),
  visitors: () => get(at("sample-users")),

  rate: (user, item, value) => call("PUT", at("users", user, "ratings", item), { body: { value } }),
  unrate: (user, item) => call("DELETE", at("users", user, "ratings", item)),
  event: (event) => call("POST", at("events"), { body: event }),
  events: (events) => call("POST", "/v1/events:batch", { body: { events }, silent: true }),
  takeBack: (event) => call("DELETE", at("events", event)),
  prefer: (user, preferences) => call("PUT", at("users", user, "preferences"), { body: preferences }),

  releases: () => get(at("releases"), { limit: 20 }, { silent: true }),
  activate: (release) => call("POST", `${at("releases", release)}:activate`),
  runs: () => get(at("training-runs"), { limit: 8 }, { silent: true }),
  train: () => call("POST", at("training-runs")),
  service: (query) => get(at("metrics", "service"), query, { silent: true }),
  online: (query) => get(at("metrics", "online"), query, { silent: true }),
  measures: () => get("/metrics", undefined, { text: true, silent: true }),
};
