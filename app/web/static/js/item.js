// One item: what is known of it, how many stars you would give, why it is in your list or not, and what is like it.

import { api } from "./api.js";
import { placeholders, redraw, showCards } from "./cards.js";
import { coverOf } from "./covers.js";
import { h, icon, plural, yearOf } from "./dom.js";
import { dismiss, hide, like, rate, unhide } from "./feedback.js";
import { knowScale, outOf, shownValue } from "./scale.js";
import { rater } from "./stars.js";
import { ratingOf, visitor, withStars } from "./visitor.js";
import { explained } from "./why.js";

const KINDS = [["hybrid", "Both"], ["collaborative", "By who takes it"], ["content", "By what it is"]];

export function itemView(id) {
  const top = h("div", { class: "item" }, h("div", { class: "item-cover" }), h("div", { class: "item-text" }, h("h1", { tabindex: -1 }, "\u00a0")));
  const standing = h("section", { class: "standing", "aria-label": "Where it stands in your list" });
  const similar = likeIt(id);
  const view = { element: h("div", { class: "item-page" }, top, similar.element), title: "Medley", refresh, leave };
  let item = null, drawn = 0, left = false;

  async function load() {
    try {
      [item] = await Promise.all([api.item(id), knowScale()]);
    } catch (error) {
      if (left) return;
      const gone = error.status === 404;
      const again = h("button", { class: "button", type: "button", onclick: load }, "Try again");
      top.replaceChildren(h("div", { class: "item-text", role: "alert" }, h("h1", { tabindex: -1 }, gone ? "Not here" : "Not now"), h("p", { class: "hero-note" }, error.message), h("p", { class: "item-deeds" }, gone ? null : again, h("a", { class: "button", href: "#/" }, "Back to the rows"))));
      similar.element.hidden = true;
      return;
    }
    if (left) return;
    document.title = `${item.title} · Medley`;
    similar.element.hidden = false;
    similar.load(item);
    await draw();
  }
  /** Of several drawings that are under way, as after two deeds, the last one asked for is shown, whichever answer comes last. */
  async function draw() {
    const mine = ++drawn;
    // What was given long ago is asked for here; the stars below are drawn from what the visitor is known to have given.
    const [prediction] = visitor.id ? await Promise.all([predicted(id), ratingOf(id).catch(() => null)]) : [null];
    if (mine !== drawn) return;
    // Drawn anew, the button that was just used would lose the focus.
    const buttons = () => [...top.querySelectorAll("button")];
    const used = buttons().indexOf(document.activeElement);
    top.replaceChildren(h("div", { class: "item-cover" }, coverOf(item)), h("div", { class: "item-text" }, facts(item, prediction), standing));
    buttons()[used]?.focus({ preventScroll: true });
    if (visitor.id) await explain(mine);
  }
  async function explain(mine) {
    const found = await api.explanation(visitor.id, id).catch((error) => ({ problem: error.message }));
    if (mine !== drawn) return;
    const inside = found.problem ? [h("p", { class: "soft" }, found.problem)] : explained(found);
    standing.replaceChildren(h("h2", {}, found.obstacles?.length ? "Why not?" : "Why?"), ...inside);
  }
  async function refresh() {
    if (!item) return "";
    similar.redraw();
    await draw();
    return "";
  }
  function leave() {
    left = true;
    drawn += 1;
  }
  load();
  return view;
}

async function predicted(id) {
  const found = await api.predictions(visitor.id, [id]).catch(() => null);
  return found?.predictions?.[0] ?? null;
}

function facts(item, prediction) {
  const entry = { item_id: item.item_id, item, predicted_rating: prediction?.predicted_rating };
  const people = (item.people ?? []).slice(0, 6).map((each) => each.name).join(", ");
  const liked = visitor.likes.has(item.item_id);
  return [
    h("p", { class: "eyebrow" }, [yearOf(item), item.duration_minutes && `${item.duration_minutes} min`, item.certificate, item.language].filter(Boolean).join(" · ") || "\u00a0"),
    h("h1", { tabindex: -1 }, item.title),
    h("ul", { class: "item-tags" }, (item.categories ?? []).map((each) => h("li", {}, tag(each)))),
    item.description && h("p", { class: "item-description" }, item.description),
    people && h("p", { class: "soft" }, `With ${people}`),
    item.ratings?.count > 0 && h("p", { class: "soft" }, `${shownValue(item.ratings.mean)}${outOf()} on average, from ${plural(item.ratings.count, "rating")}`),
    visitor.id && h("div", { class: "item-rate" },
      rater(item.title, { predicted: prediction?.predicted_rating, value: visitor.ratings.get(item.item_id) ?? null, onrate: (step) => rate(entry, step) }),
      prediction?.predicted_rating != null && h("p", { class: "soft" }, "You would give ", h("strong", {}, shownValue(prediction.predicted_rating)), outOf(), interval(prediction)),
      h("div", { class: "item-deeds" },
        h("button", { class: "button small", type: "button", "aria-pressed": String(liked), onclick: () => like(entry) }, icon("heart"), liked ? "Liked" : "Like"),
        h("button", { class: "button small", type: "button", onclick: () => dismiss(entry) }, icon("dismiss"), "Not for me"),
        hiding("items", item.item_id, item.title, { class: "button small" }, "Never show this", "Show this again")),
    ),
  ];
}

/** A category, which a visitor can ask not to see any more. */
function tag(name) {
  if (!visitor.id) return h("span", { class: "chip" }, name);
  const away = visitor.hidden.categories.has(name);
  return h("span", { class: `chip ${away ? "away" : ""}` }, name,
    hiding("categories", name, name, { class: "chip-deed", "aria-label": away ? `Show ${name} again` : `No more ${name}`, title: away ? `Show ${name} again` : `No more ${name}` }, icon("dismiss"), icon("plus")));
}

function hiding(kind, id, name, properties, hideIt, showIt) {
  const away = visitor.hidden[kind].has(id);
  return h("button", { type: "button", ...properties, onclick: () => (away ? unhide : hide)(kind, id, name) }, away ? showIt : hideIt);
}

function interval({ low, high }) {
  return low == null || high == null ? "" : `, most likely between ${shownValue(low)} and ${shownValue(high)}`;
}

function likeIt(id) {
  let source = null;
  const list = h("ul", { class: "row-list" }, placeholders(8));
  const tabs = h("div", { class: "choices", role: "group", "aria-label": "Alike in what" });
  const element = h("section", { class: "row", dataset: { key: "similar" }, "aria-label": "More like this" }, h("div", { class: "row-head" }, h("h2", {}, "More like this"), tabs), list);
  tabs.append(...KINDS.map(([by, text]) => h("button", { class: "chip", type: "button", value: by, "aria-pressed": String(by === "hybrid"), onclick: () => load(by, source) }, text)));
  let asked = 0;
  async function load(by, item) {
    const mine = ++asked;
    for (const button of tabs.children) button.setAttribute("aria-pressed", String(button.value === by));
    try {
      const found = await api.similar(id, { by, limit: 18, explain: true });
      const told = found.items.map((entry) => ({ ...entry, recommendation_id: found.recommendation_id, reasons: [{ text: likeness(entry, item) }] }));
      const entries = await withStars(told);
      if (mine === asked) showCards(list, entries);
    } catch (error) {
      if (mine === asked) list.replaceChildren(h("li", { class: "soft" }, error.message));
    }
  }
  return { element, load: (item) => load("hybrid", (source = item)), redraw: () => redraw(list) };
}

/** In what the two are alike: who takes them, what they are, and the categories that both have. */
function likeness({ contributions = {}, item: other }, item) {
  const { collaborative: who = 0, content: what = 0 } = contributions;
  const share = who / (who + what || 1);
  const shared = (item.categories ?? []).filter((each) => other.categories?.includes(each)).slice(0, 2).join(", ");
  const how = share > 0.6 ? "Taken by the same people" : share < 0.4 ? "Alike in what it is" : "The same people, the same kind";
  return shared ? `${how}: ${shared}` : how;
}
