// Why this, and why not: a stacked bar of what each signal adds, the evidence, or what keeps an item out.

import { api } from "./api.js";
import { coverOf } from "./covers.js";
import { h, openDialog } from "./dom.js";
import { reasonText } from "./scale.js";
import { visitor } from "./visitor.js";

const SIGNALS = {
  collaborative: ["Taste", "people whose history is like yours"],
  item_to_item: ["Goes together", "what is taken along with what you took"],
  next_item: ["Next", "what tends to come after what you took last"],
  content: ["Content", "genres, people and words in common"],
  popularity: ["Popularity", "what everybody takes and likes"],
  preferences: ["Preferences", "what you said you like"],
};
export async function openWhy(entry) {
  const body = h("div", { class: "why" }, h("p", { class: "soft" }, "Asking…"));
  openDialog(entry.item.title, body, { name: "why-dialog" });
  try {
    body.replaceChildren(...explained(await api.explanation(visitor.id, entry.item_id)));
  } catch (error) {
    body.replaceChildren(h("p", {}, error.message));
  }
}

/** The parts of an explanation, for a dialog or a page. */
export function explained(found) {
  return [verdict(found), contributionBar(found.contributions ?? {}, found.score), evidence(found.reasons ?? [])].flat();
}

function verdict({ obstacles, rank, list_rank: listed, out_of: all }) {
  const kept = obstacles.map(({ text }) => h("li", {}, h("strong", {}, text)));
  if (kept.length) return h("div", { class: "verdict out" }, h("p", {}, "Not at the top of your list:"), h("ul", {}, kept));
  const place = listed ?? rank;
  return h("div", { class: "verdict" }, h("p", { class: "verdict-rank display" }, `No. ${place?.toLocaleString("en") ?? "–"}`), h("p", {}, all ? `of ${all.toLocaleString("en")} in your list right now` : "in your list right now"));
}

function contributionBar(contributions, score) {
  const parts = Object.keys(SIGNALS).filter((name) => contributions[name] !== undefined).map((name) => ({ name, value: contributions[name] }));
  const whole = parts.reduce((sum, { value }) => sum + Math.abs(value), 0);
  if (!whole) return h("p", { class: "soft" }, "No signal speaks for it.");
  const piece = ({ name, value }) => h("span", { class: `bar-part ${value < 0 ? "against" : ""}`, style: { "--share": Math.abs(value) / whole, "--colour": `var(--signal-${name})` } });
  const legend = ({ name, value }) => {
    const [label, meaning] = SIGNALS[name];
    return h("li", {}, h("span", { class: "swatch", style: { "--colour": `var(--signal-${name})` } }), h("span", { class: "legend-name" }, label, h("small", {}, meaning)), h("span", { class: "legend-value" }, `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`));
  };
  return h("figure", { class: "contributions" },
    h("div", { class: "stack", "aria-hidden": "true" }, parts.filter((part) => part.value >= 0).map(piece), parts.filter((part) => part.value < 0).map(piece)),
    h("ul", { class: "legend", "aria-label": "What each signal adds to the score" }, parts.map(legend),
      h("li", { class: "legend-sum" }, h("span", {}), h("span", { class: "legend-name" }, "Score, the sum"), h("span", { class: "legend-value" }, (score ?? parts.reduce((sum, { value }) => sum + value, 0)).toFixed(2)))),
  );
}

/** A small cover that leads to the item. What lists say of it is not in the reason, so the item is asked for. */
function evidenceCover(id) {
  const link = h("a", { class: "evidence-cover", href: `#/item/${encodeURIComponent(id)}`, tabindex: -1, "aria-hidden": "true" });
  api.item(id).then((item) => link.replaceChildren(coverOf(item)), () => {});
  return link;
}

function evidence(reasons) {
  if (!reasons.length) return [];
  const shown = (reason) => h("li", {}, reason.item_id ? evidenceCover(reason.item_id) : null,
    h("p", {}, reasonText(reason)));
  return [h("h3", { class: "evidence-head" }, "Because"), h("ul", { class: "evidence" }, reasons.map(shown))];
}
