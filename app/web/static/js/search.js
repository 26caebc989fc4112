// Search as you type: a combobox with its own list, and a page of what was found.

import { api } from "./api.js";
import { placeholders, redraw, showCards } from "./cards.js";
import { coverOf } from "./covers.js";
import { announce, h, icon, later, plural, yearOf } from "./dom.js";
import { clearFilters, filterQuery, filtersInWords } from "./mix.js";
import { visitor, withStars } from "./visitor.js";

const SHOWN = 7;
const asVisitor = () => (visitor.id ? { user_id: visitor.id } : {});

export function installSearch(root) {
  const list = h("ul", { class: "found", id: "found", role: "listbox", "aria-label": "Found", hidden: true });
  const input = h("input", { class: "find-input", type: "search", placeholder: "Titles and people", "aria-label": "Search titles and people", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "found", maxlength: 200 });
  let asked = null, active = -1;

  const options = () => [...list.querySelectorAll("[role=option]")];
  const close = () => {
    // Neither what is about to be asked nor an answer on its way opens the list again.
    look.cancel();
    asked?.abort();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    point(-1);
  };
  function point(at) {
    active = at;
    options().forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
    const option = options()[at];
    option ? input.setAttribute("aria-activedescendant", option.id) : input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }
  const go = (hash) => (close(), input.blur(), (location.hash = hash));
  const look = later(110, async () => {
    const q = input.value.trim();
    asked?.abort();
    if (!q) return close();
    const mine = (asked = new AbortController());
    try {
      const found = await api.search({ q, limit: SHOWN, ...asVisitor() }, { signal: mine.signal });
      if (!mine.signal.aborted) show(found.items, q);
    } catch (error) {
      if (!mine.signal.aborted) show([], q, error.message);
    }
  });
  // What was pointed at stays so in a newer answer that has it too: an arrow pressed while one is on its way is not lost.
  function show(items, q, problem) {
    const pointed = options()[active]?.dataset.item;
    list.setAttribute("aria-label", `Found for “${q}”`);
    list.replaceChildren(...items.map((entry, number) => option(entry, number, go)));
    if (!items.length) list.append(h("li", { class: "found-none", role: "option", "aria-disabled": "true", id: "found-none" }, problem ?? `Nothing like “${q}”.`));
    list.hidden = false;
    announce(items.length ? `${plural(items.length, "title")} found.` : list.textContent);
    input.setAttribute("aria-expanded", "true");
    point(pointed === undefined ? -1 : items.findIndex((entry) => entry.item_id === pointed));
  }
  input.addEventListener("input", look);
  input.addEventListener("focus", () => input.value.trim() && look());
  input.addEventListener("blur", close);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // or the input would lose the focus, and the list be gone
  input.addEventListener("keydown", (event) => {
    const count = list.hidden ? 0 : options().length;
    if (event.key === "Escape" && !list.hidden) close();
    else if (event.key === "ArrowDown" && count) point((active + 1) % count);
    else if (event.key === "ArrowUp" && count) point((active - 1 + count) % count);
    else if (event.key === "Enter" && input.value.trim()) active >= 0 ? options()[active].click() : go(`#/search?q=${encodeURIComponent(input.value.trim())}`);
    else return;
    event.preventDefault();
  });
  root.append(h("span", { class: "find-icon" }, icon("search")), input, list);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, select, textarea, dialog")) (event.preventDefault(), input.focus());
  });
}

function option(entry, number, go) {
  const text = [withPerson(entry), yearOf(entry.item), (entry.item.categories ?? []).slice(0, 2).join(", ")].filter(Boolean).join(" · ");
  return h("li", { role: "option", id: `found-${number}`, "aria-selected": "false", "data-item": entry.item_id, class: "found-option", onclick: () => go(`#/item/${encodeURIComponent(entry.item_id)}`) },
    h("span", { class: "found-cover" }, coverOf(entry.item)), h("span", { class: "found-text" }, h("strong", {}, entry.item.title), h("small", {}, text)));
}

/** Who it was found by, where that was a person. */
const withPerson = ({ match }) => (match?.person ? `With ${match.person}` : "");

export function searchView(query) {
  const q = query.get("q") ?? "";
  const grid = h("ul", { class: "grid" }, placeholders(6));
  const note = h("p", { class: "hero-note" }, "\u00a0");
  const trouble = h("div", { class: "grid-end", role: "alert" });
  const title = h("h1", { tabindex: -1 }, `“${q}”`);
  const filtered = h("p", { class: "search-filters", hidden: !filtersInWords() }, `Filtered as your rows are: ${filtersInWords()}. `, h("button", { class: "button small", type: "button", onclick: searchAll }, "Search everything"));
  const element = h("div", { class: "search-page" }, h("div", { class: "hero small" }, h("p", { class: "eyebrow" }, "Search"), title, note, filtered), grid, trouble);
  function searchAll() {
    clearFilters();
    filtered.hidden = true;
    title.focus({ preventScroll: true });
    start();
  }
  let asked = 0;
  /** Show what is found now; resolves to why that cannot be. */
  async function load() {
    const mine = ++asked;
    try {
      const found = await api.search({ q, limit: 48, ...asVisitor(), ...filterQuery() });
      if (mine !== asked) return "";
      note.textContent = found.items.length ? `${plural(found.items.length, "title")}${visitor.id ? ", those you would like first among what fits as well. Ask any of them why it is in your list, or why not." : ""}` : "Nothing like it. Try fewer letters.";
      const told = found.items.map((entry) => ({ ...entry, recommendation_id: found.recommendation_id, reasons: [{ text: withPerson(entry) }] }));
      const entries = await withStars(told);
      if (mine !== asked) return "";
      showCards(grid, entries);
      trouble.replaceChildren();
      return "";
    } catch (error) {
      return mine === asked ? error.message : "";
    }
  }
  async function start() {
    const problem = await load();
    if (!problem) return;
    note.textContent = "\u00a0";
    grid.replaceChildren();
    trouble.replaceChildren(h("p", {}, problem), h("button", { class: "button small", type: "button", onclick: start }, "Try again"));
  }
  async function refresh() {
    const problem = await load();
    if (!problem) return "";
    // What is there stays there: the deed is done, and the next one asks again.
    redraw(grid);
    return `The titles are those from before: ${problem}`;
  }
  start();
  return { element, title: `${q} · Medley`, refresh, leave() {} };
}
