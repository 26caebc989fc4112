// A card: cover, title, stars, a short reason, and what can be done with the item.

import { coverOf } from "./covers.js";
import { h, icon, stars, yearOf } from "./dom.js";
import { clicked, dismiss, like, rate, shown } from "./feedback.js";
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
  const element = h("li", { class: "card", dataset: { item: entry.item_id } });
  seen.observe(element);
  return update(element, entry);
}

/** Show another state of the same item; its cover stays. */
export function update(element, entry) {
  element.entry = entry;
  const old = element.firstElementChild?.firstElementChild;
  element.replaceChildren(article(entry, old ?? h("a", { class: "card-cover", href: addressOf(entry), tabindex: -1, "aria-hidden": "true", onclick: () => clicked(element.entry) }, coverOf(entry.item))));
  return element;
}

export const addressOf = (entry) => `#/item/${encodeURIComponent(entry.item_id)}`;

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
  if (value !== null) return h("span", { class: "card-number rated" }, h("span", { class: "sr-only" }, "You gave "), stars(value));
  if (entry.predicted_rating === null || entry.predicted_rating === undefined) return null;
  return h("span", { class: "card-number", title: "How many stars you would give, predicted" }, h("span", { class: "sr-only" }, "Predicted "), stars(entry.predicted_rating));
}

export const reasonOf = (entry) => entry.reasons?.[0]?.text ?? "";

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
