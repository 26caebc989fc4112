// Training runs with their progress, a button to train, and the releases with what was measured and what the gate said.

import { api } from "../api.js";
import { announce, h, openDialog, toast } from "../dom.js";

const OUTCOMES = { succeeded: "good", failed: "bad", rejected: "bad", running: "busy", queued: "busy" };
const VERDICTS = { first: "good", passed: "good", insufficient: "", failed: "bad" };
const when = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const time = (text) => (text ? h("time", { datetime: text }, when.format(new Date(text))) : "–");

export function runsPanel(panel, onsuccess) {
  const button = h("button", { class: "button primary small", type: "button" }, "Train now");
  const body = h("tbody", {});
  const none = h("p", { class: "nothing", hidden: true }, "No training yet.");
  panel.replaceChildren(
    h("div", { class: "panel-head" }, h("h2", {}, "Training"), button),
    table(["Run", "Asked for", "By", "State", "Progress", "Took", "Verdict"], body), none);
  const show = rowsIn(body);
  let latest = null;

  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await api.train();
      announce("A training is queued.");
      toast("A training is queued. A worker takes it up within a second.");
    } catch (error) {
      toast(error.message);
    }
    await refresh().catch(() => {}); // the next look tells of it
  });
  async function refresh() {
    const { training_runs: runs } = await api.runs();
    const busy = runs.some((run) => run.state === "queued" || run.state === "running");
    button.disabled = runs.some((run) => run.state === "queued");
    none.hidden = runs.length > 0;
    show(runs, runRow);
    const newest = runs.find((run) => run.state === "succeeded")?.id ?? null;
    if (latest !== null && newest !== latest) {
      announce("The training succeeded.");
      onsuccess();
    }
    latest = newest ?? "";
    return { busy, newest: runs[0] ?? null };
  }
  return { refresh };
}

/** Shows a row for each record, and leaves alone what is the same, so that nobody loses the button they are on. */
function rowsIn(body) {
  let shown = new Map();
  return (records, row) => {
    const now = new Map();
    for (const record of records) {
      const [text, before] = [JSON.stringify(record), shown.get(record.id)];
      const running = record.started_at && !record.finished_at;
      now.set(record.id, before?.text === text && !running ? before : { text, element: row(record) });
    }
    shown = now;
    const wanted = [...now.values()].map(({ element }) => element);
    for (const each of [...body.children]) if (!wanted.includes(each)) each.remove();
    wanted.forEach((element, at) => body.children[at] !== element && body.insertBefore(element, body.children[at] ?? null));
  };
}

function runRow(run) {
  const took = run.started_at ? ((run.finished_at ? new Date(run.finished_at) : new Date()) - new Date(run.started_at)) / 1000 : null;
  const state = h("span", { class: `tag ${OUTCOMES[run.state]}` }, run.state);
  const bar = h("div", { class: "progress", role: "progressbar", "aria-label": "Progress", "aria-valuenow": Math.round(100 * run.progress), "aria-valuemin": 0, "aria-valuemax": 100, style: { "--done": run.progress } }, h("span", {}));
  const progress = run.state === "running" ? [bar, h("small", { class: "soft" }, run.stage ?? "")] : run.state === "queued" ? "waits for a worker" : run.error ? h("span", { class: "why-error" }, run.error.detail) : run.state === "succeeded" ? "complete" : run.stage ?? "–";
  return h("tr", { dataset: { run: run.id, state: run.state } }, h("td", { class: "mono" }, run.id), h("td", {}, time(run.requested_at)), h("td", {}, run.cause), h("td", {}, state), h("td", {}, progress), h("td", {}, took === null ? "–" : `${took.toFixed(0)} s`), h("td", {}, verdictOf(run)));
}

export function releasesPanel(panel) {
  const body = h("tbody", {});
  const none = h("p", { class: "nothing", hidden: true }, "No release yet: train one.");
  const show = rowsIn(body);
  const title = h("h2", { tabindex: -1 }, "Releases");
  panel.replaceChildren(h("div", { class: "panel-head" }, title), table(["Release", "Published", "Ratings", "Measured", "Verdict", ""], body), none);

  async function refresh() {
    const { releases } = await api.releases();
    none.hidden = releases.length > 0;
    show(releases, (release) => releaseRow(release, activate));
    return releases;
  }
  async function activate(release) {
    if (!(await confirmed(release))) return;
    try {
      await api.activate(release.id);
      announce(`${release.id} is active.`);
      toast(`${release.id} is active; every worker serves it within two seconds.`);
    } catch (error) {
      toast(error.message);
      announce(error.message);
    }
    await refresh().catch(() => {});
    if (document.activeElement === document.body) title.focus({ preventScroll: true }); // the button that was used is gone
  }
  return { refresh };
}

/** Every visitor's lists change with it, so that one click alone is too few. */
function confirmed(release) {
  return new Promise((resolve) => {
    const dialog = openDialog("Activate this release?", h("div", {},
      h("p", {}, "Every list is made from ", h("span", { class: "mono" }, release.id), " within two seconds. The one that is active now stays, and can be activated again."),
      h("div", { class: "dialog-deeds" },
        h("button", { class: "button primary", type: "button", autofocus: true, onclick: () => dialog.close("yes") }, "Activate it"),
        h("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Leave it"))));
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}

function releaseRow(release, activate) {
  const button = h("button", { class: "button small", type: "button", "aria-label": `Activate ${release.id}`, onclick: () => activate(release) }, "Activate");
  const deed = release.active ? h("span", { class: "tag good" }, "Active") : release.collected_at ? h("span", { class: "soft" }, "Deleted") : button;
  return h("tr", { dataset: { release: release.id, active: String(release.active) } }, h("td", { class: "mono" }, release.id), h("td", {}, time(release.created_at)), h("td", {}, (release.counts?.ratings ?? 0).toLocaleString("en")), h("td", {}, measured(release.metrics)), h("td", {}, verdictOf(release)), h("td", {}, deed));
}

/** The figures of the blend, wherever in the metrics they stand. */
function measured(metrics) {
  const blends = [];
  for (const [protocol, rankers] of Object.entries(metrics ?? {})) if (rankers && typeof rankers.blend === "object") blends.push([protocol, rankers.blend]);
  const figure = (blend, name, text) => (typeof blend[name] === "number" ? `${text} ${blend[name].toFixed(3)}` : null);
  const words = blends.map(([, blend]) => [figure(blend, "ndcg_at_10", "NDCG@10"), figure(blend, "hit_rate_at_10", "HR@10")].filter(Boolean).join(", "));
  return words.filter(Boolean).join(" · ") || "–";
}

const EXPLAINED = {
  first: "There was no active release to compare with.",
  insufficient: "Too few users to measure by.",
  passed: "Not worse than the active release's configuration.",
  failed: "Worse than the active release's configuration.",
};

/** What the gate said, and by how much: the difference in NDCG@10 with its interval. */
function verdictOf({ gate }) {
  if (!gate) return "–";
  const by = gate.difference?.ndcg_at_10;
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
  const detail = by ? `NDCG@10 ${signed(by.value)} (${signed(by.low)} to ${signed(by.high)})` : EXPLAINED[gate.verdict];
  return [h("span", { class: `tag ${VERDICTS[gate.verdict] ?? ""}`, title: EXPLAINED[gate.verdict] }, gate.forced && gate.verdict === "failed" ? "failed, forced" : gate.verdict), h("small", { class: "soft verdict-by" }, detail)];
}

function table(heads, body) {
  return h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": heads[0] }, h("table", {}, h("thead", {}, h("tr", {}, heads.map((each) => h("th", { scope: "col" }, each || h("span", { class: "sr-only" }, "Deed"))))), body));
}
