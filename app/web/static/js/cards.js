// A card: cover, title, stars, a short reason, and what can be done with the item.

import { coverOf } from "./covers.js";
import { h, icon, yearOf } from "./dom.js";
import { clicked, dismiss, like, rate, shown } from "./feedback.js";
import { keepFocus } from "./focus.js";
import { outOf, reasonText, shownValue } from "./scale.js";
import { rater } from "./stars.js";
import { visitor } from "./visitor.js";
import { openWhy } from "./why.js";

const seen = new IntersectionObserver(
  (records) => {
    for (const { isIntersecting, target } of records) if (isIntersecting) shown(target.entry);
  },
  { threshold: 0.6 },
);

/** A list item that shows `entry`, one item of a ranked list. */
export function card(entry) {
  return update(h("li", { class: "card", dataset: { item: entry.item_id } }), entry);
}

/** Show another state of the same item; its cover stays. */
export function update(element, entry) {
  // Of another list: that it is on the screen is told anew, where it still is.
  if (element.entry?.recommendation_id !== entry.recommendation_id) (seen.unobserve(element), seen.observe(element));
  element.entry = entry;
  const old = element.firstElementChild?.firstElementChild;
  element.replaceChildren(article(entry, old ?? h("a", { class: "card-cover", href: addressOf(entry), tabindex: -1, "aria-hidden": "true", onclick: () => clicked(element.entry) }, coverOf(entry.item))));
  return element;
}

/** Show just these entries in a list: what is there already stays the element that it is. */
export function showCards(list, entries) {
  const there = new Map([...list.querySelectorAll("li.card[data-item]")].map((element) => [element.dataset.item, element]));
  const element = (entry) => (there.has(entry.item_id) ? update(there.get(entry.item_id), entry) : card(entry));
  keepFocus(list, () => list.replaceChildren(...entries.map(element)));
}

/** Draw the cards of a list as they are to be now that the visitor has said something. */
export function redraw(list) {
  keepFocus(list, () => list.querySelectorAll("li.card[data-item]").forEach((element) => update(element, element.entry)));
}

const addressOf = (entry) => `#/item/${encodeURIComponent(entry.item_id)}`;

function article(entry, coverLink) {
  const { item, item_id: id } = entry;
  const value = visitor.ratings.get(id) ?? null;
  return h(
    "article",
    { class: "card-inner", "aria-label": item.title },
    coverLink,
    h("div", { class: "card-text" },
      h("h3", { class: "card-title" }, h("a", { href: addressOf(entry), onclick: () => clicked(entry) }, item.title)),
      h("p", { class: "card-meta" }, [yearOf(item), ...(item.categories ?? []).slice(0, 2)].filter(Boolean).join(" · ")),
      visitor.id && h("div", { class: "card-stars" },
        rater(item.title, { predicted: entry.predicted_rating, value, onrate: (step) => rate(entry, step) }),
        starsText(entry, value),
      ),
      h("p", { class: "card-reason" }, reasonOf(entry)),
    ),
    visitor.id && deeds(entry),
  );
}

function starsText(entry, value) {
  if (value !== null) return h("span", { class: "card-number rated" }, h("span", { class: "sr-only" }, "You gave "), figure(value));
  if (entry.predicted_rating === null || entry.predicted_rating === undefined) return null;
  return h("span", { class: "card-number", title: "What you would give, predicted" }, h("span", { class: "sr-only" }, "Predicted "), figure(entry.predicted_rating));
}

const figure = (value) => [shownValue(value), outOf() && h("span", { class: "out-of" }, outOf())];

const reasonOf = (entry) => (entry.reasons?.length ? reasonText(entry.reasons[0]) : "");

function deeds(entry) {
  const { item } = entry;
  const liked = visitor.likes.has(entry.item_id);
  return h("div", { class: "card-deeds" },
    h("button", { class: "deed", type: "button", "aria-label": `Like ${item.title}`, "aria-pressed": String(liked), title: "Like", onclick: () => like(entry) }, icon("heart")),
    h("button", { class: "deed", type: "button", "aria-label": `Not for me: ${item.title}`, title: "Not for me", onclick: () => dismiss(entry) }, icon("dismiss")),
    h("button", { class: "deed", type: "button", "aria-label": `Why ${item.title}?`, title: "Why this?", onclick: () => openWhy(entry) }, icon("why")),
  );
}

/** Cards in grey, of the same size, while a list is under way. */
export function placeholders(count) {
  return Array.from({ length: count }, () =>
    h("li", { class: "card card-empty", "aria-hidden": "true" }, h("div", { class: "card-cover" }), h("div", { class: "card-text" })),
  );
}
