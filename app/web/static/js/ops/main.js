// Operations: what is there, how it does, and the two deeds there are: train, and activate a release.

import { api, Problem } from "../api.js";
import { $, h, toast } from "../dom.js";
import { installKeys } from "../keys.js";
import { installTheme } from "../theme.js";
import { gauge, parse, quantile, totals } from "./measures.js";
import { keepPlotsTrue, makePlot } from "./plots.js";
import { releasesPanel, runsPanel } from "./training.js";

const LOOK_MS = 2000, SLOW_MS = 10000, KEPT = 150, HOURS = 24, DAYS = 14, DAY_MS = 86_400_000;
const SINCE = "since this page was opened"; // and KEPT looks at most
const NO_READ = "This key has not the scope read, which /metrics asks for.";
const number = (value, digits = 0) => (value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits }));
const megabytes = (bytes) => `${number(bytes / 1e6)} MB`;

installKeys("One with the scopes admin and read", () => {});
installTheme($("#theme-button"));
keepPlotsTrue();

const plots = {
  requests: makePlot($("#plot-requests"), "Requests a second", [{ label: "answered", colour: "--signal-item_to_item" }, { label: "refused", colour: "--signal-next_item" }, { label: "failed", colour: "--bad" }], { span: (KEPT * LOOK_MS) / 1000, empty: `No request ${SINCE}.` }),
  latency: makePlot($("#plot-latency"), "Latency, ms", [{ label: "median", colour: "--signal-collaborative" }, { label: "95 of 100", colour: "--signal-content" }], { span: (KEPT * LOOK_MS) / 1000, empty: `No request ${SINCE}.` }),
  feedback: makePlot($("#plot-feedback"), "Feedback by the hour", [{ label: "ratings", colour: "--accent", bars: true }, { label: "events", colour: "--signal-collaborative", bars: true }], { whole: true, empty: "No feedback in the last 24 hours." }),
  lengths: makePlot($("#plot-lengths"), "Users by ratings given", [{ label: "% of users,", colour: "--signal-item_to_item", bars: true }], { labels: ["0", "1+", "5+", "20+", "50+", "100+", "200+", "500+"] }),
  coverage: makePlot($("#plot-coverage"), "Coverage by the day", [{ label: "% of the catalogue shown today", colour: "--signal-content", bars: true }], { empty: "No impressions yet: the storefront sends them." }),
  clicks: makePlot($("#plot-clicks"), "Shown and clicked by the day", [{ label: "impressions", colour: "--signal-popularity", bars: true }, { label: "clicks", colour: "--accent", bars: true }], { whole: true, empty: "No impressions yet: the storefront sends them." }),
};
const state = { samples: [], service: null, told: null, ready: null, away: false, run: null };
const series = { at: [], good: [], refused: [], failed: [], median: [], slow: [] };
let before = null;

async function lookAtProcess() {
  const now = performance.now();
  const [text, ready] = await Promise.all([api.measures().catch(refusedOnly), fetch("/health/ready").then((answer) => answer.ok, () => false)]);
  Object.assign(state, { ready, away: false });
  state.samples = parse(text ?? "");
  if (text === null) return void (plots.requests.say(NO_READ), plots.latency.say(NO_READ), drawHealth());
  const found = totals(state.samples);
  if (before) {
    const seconds = (now - before.now) / 1000;
    const rate = (name) => Math.max(0, (found[name] - before.found[name]) / seconds);
    const point = { at: Date.now() / 1000, good: rate("good"), refused: rate("refused"), failed: rate("failed"), median: quantile(before.found, found, 0.5), slow: quantile(before.found, found, 0.95) };
    for (const [name, value] of Object.entries(point)) series[name] = [...series[name].slice(1 - KEPT), value];
    const last = (name) => series[name].findLast((value) => value !== null);
    plots.requests.show([series.at, series.good, series.refused, series.failed], [number(point.good, 1), number(point.refused, 1), number(point.failed, 1)]);
    plots.latency.show([series.at, series.median, series.slow], [number(last("median"), 1), number(last("slow"), 1)]);
  }
  before = { now, found };
  tellSource();
  drawHealth();
}

/** A key may be good for the rest of the page alone. */
function refusedOnly(error) {
  if (error instanceof Problem && error.status === 403) return null;
  throw error;
}

/** What the database tells of itself; `state.told` is whether this key may know, null until there was an answer. */
async function askDatabase() {
  try {
    state.service = await api.service({ hours: HOURS });
    state.told = true;
    return state.service;
  } catch (error) {
    state.service = null;
    state.told = !(error instanceof Problem && [401, 403].includes(error.status));
    drawHealth();
    throw error;
  }
}

async function lookAtData() {
  const { hours, history_lengths: lengths, totals: all } = await askDatabase();
  const sum = (name) => hours.reduce((total, each) => total + each[name], 0);
  plots.feedback.show([hours.map((each) => new Date(each.start) / 1000 + 1800), hours.map((each) => each.ratings), hours.map((each) => each.events)], [number(sum("ratings")), number(sum("events"))]);
  const looked = lengths.reduce((total, each) => total + each.users, 0);
  // How many there are is an estimate, which may be a little above what is there.
  plots.lengths.show([lengths.map((_, at) => at), lengths.map((each) => (100 * each.users) / Math.max(1, looked))], [`${looked < 0.99 * all.users ? "a sample of" : "all"} ${number(looked)}`]);
  const first = new Date(Date.now() - (DAYS - 1) * DAY_MS).toISOString().slice(0, 10);
  const online = await api.online({ day_from: first, limit: 1000 }).catch((error) => (error instanceof Problem ? null : Promise.reject(error)));
  if (online) showOnline(online);
  drawHealth();
}

function showOnline(online) {
  const days = new Map();
  for (const row of online.metrics) {
    const day = days.get(row.day) ?? { impressions: 0, clicks: 0, coverage: 0 };
    days.set(row.day, { impressions: day.impressions + row.impressions, clicks: day.clicks + row.clicks, coverage: Math.max(day.coverage, row.coverage ?? 0) });
  }
  const last = Date.parse(new Date().toISOString().slice(0, 10));
  const all = Array.from({ length: DAYS }, (_, at) => new Date(last - (DAYS - 1 - at) * DAY_MS).toISOString().slice(0, 10));
  const values = (name) => all.map((day) => days.get(day)?.[name] ?? 0);
  const total = (name) => values(name).reduce((sum, value) => sum + value, 0);
  // Each third is called by its name, today among them.
  const labels = all.map((day, at) => ((DAYS - 1 - at) % 3 ? "" : dayName.format(new Date(day))));
  const at = all.map((_, place) => place);
  plots.coverage.show([at, values("coverage").map((share) => 100 * share)], [number(100 * values("coverage").at(-1), 1)], labels);
  plots.clicks.show([at, values("impressions"), values("clicks")], [number(total("impressions")), number(total("clicks"))], labels);
}
const dayName = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

function tile(name, light, value, note, look = "") {
  return h("div", { class: "health" }, h("p", { class: "health-head" }, h("span", { class: `light ${light}` }), name), h("p", { class: `health-value ${look}` }, value), h("p", { class: "health-note" }, note));
}

/** Grey: that nothing is known says nothing bad. */
const untold = (name, away = false) => tile(name, "", state.told === null ? "…" : "Not told", away ? "The database would tell" : state.told === null ? "\u00a0" : "Needs a key with admin");
const WORKS = "Takes requests, the schedule and new ratings";

function drawHealth() {
  const { samples, service, told, ready, away, run } = state;
  if (away) {
    const others = ["Database", "Training worker", "Release"].map((name) => tile(name, "", "Not known", "Until the service answers"));
    return $("#health").replaceChildren(tile("Service", "bad", "Does not answer", "Asked every two seconds; figures below are those from before"), ...others);
  }
  const served = samples.filter((each) => each.name === "medley_release_workers" && each.value > 0);
  const refused = gauge(samples, "medley_release_refused");
  const database = service?.database, workers = database?.training_workers ?? 0;
  const training = run?.state === "running";
  $("#health").replaceChildren(
    tile("Service", ready ? "good" : ready === null ? "" : "bad", ready ? "Ready" : ready === null ? "…" : "Not ready", service ? `About ${number(service.totals.items)} items, ${number(service.totals.users)} users, ${number(service.totals.ratings)} ratings` : "\u00a0"),
    database ? tile("Database", "good", `${number(database.latency_ms, 1)} ms`, `${megabytes(database.size_bytes)}, ${database.connections} connections`) : told ? tile("Database", "bad", "Away", "\u00a0") : untold("Database"),
    training ? tile("Training worker", "busy", `Training, ${Math.round(100 * run.progress)}%`, WORKS) : !database ? untold("Training worker", told) : workers ? tile("Training worker", "good", workers === 1 ? "Waiting" : `${workers} waiting`, WORKS) : tile("Training worker", "bad", "None", "Nobody trains: start medley worker"),
    tile("Release", refused ? "bad" : served.length ? "good" : "", served[0]?.labels.release ?? "None", served.length ? `${`served by ${served.map((each) => (each.value === 1 ? "1 process" : `${each.value} processes`)).join(", ")}`}; ${number(gauge(samples, "medley_catalogue_overlay_items"))} items changed since${refused ? `; ${refused} cannot load it` : ""}` : refused ? "The active release cannot be loaded: lists are by popularity" : "Lists are by popularity until one is trained", served.length ? "name" : ""),
  );
}

/** What a figure stands for does not depend on which of several workers happened to answer. */
function tellSource() {
  const processes = gauge(state.samples, "medley_release_workers");
  $("#source").textContent = `Requests and latency are those of ${processes > 1 ? `all ${processes} serving processes together` : processes ? "the one serving process" : "all serving processes together"}, ${SINCE}, in the last five minutes at most; everything else is read from the database.`;
}

const releases = releasesPanel($("#releases"));
const runs = runsPanel($("#runs"), () => releases.refresh().catch(() => {}));

/** Look, and look again: one look at a time, and none while nobody sees the page. */
async function keepLooking(look, pause) {
  for (;;) {
    let wait = pause;
    try {
      if (!document.hidden) wait = (await look()) ?? pause;
    } catch (error) {
      // That a key is missing stands above the page already, and what one does not open where it would stand.
      if (error instanceof Problem && ![0, 401, 403, 503].includes(error.status)) toast(error.message);
      if (look === lookAtProcess && error.status !== 401) (Object.assign(state, { ready: false, away: error.status === 0 }), drawHealth());
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function lookAtRuns() {
  const { busy, newest } = await runs.refresh();
  state.run = newest;
  return busy ? 700 : 5000;
}

drawHealth();
keepLooking(lookAtProcess, LOOK_MS);
keepLooking(lookAtData, SLOW_MS);
keepLooking(lookAtRuns, 5000);
keepLooking(async () => void (await releases.refresh()), SLOW_MS);
document.documentElement.dataset.ready = "";
