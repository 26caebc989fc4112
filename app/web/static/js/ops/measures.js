// What Prometheus would read at /metrics, as rates and quantiles between two looks.

const REQUESTS = "medley_http_request_duration_seconds";
// The pages' own looks and their files are not what is being measured.
const OWN = /^(\/metrics|\/health|\/assets|\/v1\/metrics|\/ops|none$|\/$)/;
const OWN_LISTS = new Set(["GET /v1/training-runs", "GET /v1/releases"]);
const isOwn = ({ route = "none", method }) => OWN.test(route) || OWN_LISTS.has(`${method} ${route}`);

export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const found = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value;
    samples.push({ name: found[1], labels, value: Number(found[3]) });
  }
  return samples;
}

export const gauge = (samples, name) => samples.filter((each) => each.name === name).reduce((sum, { value }) => sum + value, 0);

/** Totals by kind of status, and by upper bound of the time taken. */
export function totals(samples) {
  const found = { good: 0, refused: 0, failed: 0, buckets: new Map() };
  for (const { name, labels, value } of samples) {
    if (!name.startsWith(REQUESTS) || isOwn(labels)) continue;
    if (name.endsWith("_count")) found[labels.status === "5xx" || labels.status === "none" ? "failed" : labels.status === "4xx" ? "refused" : "good"] += value;
    if (name.endsWith("_bucket")) found.buckets.set(labels.le, (found.buckets.get(labels.le) ?? 0) + value);
  }
  return found;
}

/** The time in ms that a share of the requests between two looks kept to; null without any. */
export function quantile(before, now, share) {
  const bounds = [...now.buckets].map(([le, count]) => [le === "+Inf" ? Infinity : Number(le), count - (before.buckets.get(le) ?? 0)]).sort(([a], [b]) => a - b);
  const all = bounds.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  let [floor, below] = [0, 0];
  for (const [bound, count] of bounds) {
    if (count >= share * all) {
      if (bound === Infinity) return 1000 * floor;
      return 1000 * (floor + ((bound - floor) * (share * all - below)) / Math.max(1e-9, count - below));
    }
    [floor, below] = [bound, count];
  }
  return null;
}
