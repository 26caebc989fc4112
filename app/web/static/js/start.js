// A new visitor: some genres, a handful of stars, and a first list of their own.

import { api, key } from "./api.js";
import { placeholders } from "./cards.js";
import { coverOf, drawing } from "./covers.js";
import { announce, h, toast, yearOf } from "./dom.js";
import { allCategories } from "./mix.js";
import { rater } from "./stars.js";
import { knowScale } from "./scale.js";
import { become, newVisitor } from "./visitor.js";

const ENOUGH = 3;
const TITLES = 24;

export function startView() {
  const genres = new Set();
  const given = new Map();
  let user = null; // made once: who tries again goes on with the same one
  const element = h("div", { class: "start" });

  async function chooseGenres() {
    const tiles = h("ul", { class: "tiles" });
    const next = h("button", { class: "button primary", type: "button", onclick: rateTitles }, "Next: rate a few");
    show("1 of 2", "What do you go for?", "Pick as many as you like, or none.", tiles, next);
    const all = await allCategories().catch(() => []);
    if (!tiles.isConnected) return; // who is quicker than the answer is at the titles already
    // Nothing to choose from: on to the titles.
    if (!all.length) return rateTitles();
    tiles.append(...all.filter(({ category }) => !category.startsWith("(")).slice(0, 18).map(({ category }) => h("li", {}, tile(category, genres))));
  }

  async function rateTitles() {
    const grid = h("ul", { class: "grid onboarding" }, placeholders(12));
    const done = h("button", { class: "button primary", type: "button", onclick: finish }, "Show my list");
    const count = h("p", { class: "start-count", role: "status" }, "");
    const tell = () => {
      count.textContent = given.size < ENOUGH ? `${given.size} rated; ${ENOUGH} or more make a good start` : `${given.size} rated: that will do`;
      done.textContent = given.size || genres.size ? "Show my list" : "Skip";
    };
    show("2 of 2", "Know any of these?", "Give stars to what you know. Leave out the rest.", grid, h("div", { class: "start-foot" }, count, done));
    tell();
    const asked = Promise.all([api.popular({ category: [...genres], limit: TITLES, diversity: 0.35 }), knowScale()]);
    const [found] = await asked.catch((error) => [{ items: [], problem: error.message }]);
    const again = h("button", { class: "button small", type: "button", onclick: rateTitles }, "Try again");
    if (!found.items.length) grid.replaceChildren(h("li", { class: "soft" }, found.problem ? [`${found.problem} `, again] : "Nothing here yet."));
    else grid.replaceChildren(...found.items.map((entry) => title(entry, given, tell)));
  }

  async function finish(event) {
    event.target.disabled = true;
    const id = (user = key.subject() ?? user ?? newVisitor());
    try {
      if (genres.size) await api.prefer(id, { liked: { categories: [...genres] } });
      if (given.size) await rateAll(id);
      await become(id, "You", [...genres]);
      location.hash = "#/";
    } catch (error) {
      toast(error.message);
      announce(error.message);
      event.target.disabled = false;
    }
  }

  async function rateAll(user) {
    const { outcomes } = await api.rateAll([...given].map(([item_id, value]) => ({ user_id: user, item_id, value })));
    const refused = outcomes.find((each) => each.outcome === "rejected");
    if (refused) throw new Error(refused.detail);
  }

  function show(step, heading, note, ...content) {
    const title = h("h1", { tabindex: -1 }, heading);
    element.replaceChildren(h("div", { class: "hero small" }, h("p", { class: "eyebrow" }, `Somebody new · ${step}`), title, h("p", { class: "hero-note" }, note)), ...content);
    title.focus({ preventScroll: true });
    scrollTo({ top: 0 });
    announce(heading);
  }
  chooseGenres();
  return { element, title: "Start · Medley", refresh: async () => "", leave() {} };
}

function tile(name, chosen) {
  const button = h("button", { class: "tile", type: "button", "aria-pressed": "false" }, drawing(name, [name], "0 0 200 150").picture, h("span", { class: "tile-name" }, name));
  button.addEventListener("click", () => {
    chosen.has(name) ? chosen.delete(name) : chosen.add(name);
    button.setAttribute("aria-pressed", String(chosen.has(name)));
  });
  return button;
}

function title(entry, given, tell) {
  const { item, item_id: id } = entry;
  const holder = h("div", { class: "card-stars" });
  const draw = () => holder.replaceChildren(rater(item.title, { value: given.get(id) ?? null, onrate: choose }));
  function choose(step) {
    given.get(id) === step ? given.delete(id) : given.set(id, step);
    const held = holder.contains(document.activeElement);
    draw();
    if (held) holder.querySelector("[tabindex='0']").focus();
    tell();
  }
  draw();
  return h("li", { class: "card", dataset: { item: id } }, h("article", { class: "card-inner", "aria-label": item.title }, h("div", { class: "card-cover" }, coverOf(item)), h("div", { class: "card-text" }, h("h3", { class: "card-title" }, item.title), h("p", { class: "card-meta" }, yearOf(item) ?? ""), holder)));
}
