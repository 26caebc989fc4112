// Home: the rows of one call, and below them everything else on one frozen list.

import { api, Problem } from "./api.js";
import { card, placeholders, redraw } from "./cards.js";
import { $, h, icon, plural } from "./dom.js";
import { unhide } from "./feedback.js";
import { inWords, showRows } from "./flip.js";
import { desk, dialQuery, filterQuery, isPlain, mix } from "./mix.js";
import { knowScale } from "./scale.js";
import { become, phrase, visitor } from "./visitor.js";

const ROW = 12;
const PAGE = 18;

export function homeView() {
  const rows = h("div", { class: "rows", "aria-live": "off" }, emptyRow("For you", NOTES.for_you), emptyRow("More"));
  const hero = h("div", { class: "hero" }, h("p", { class: "eyebrow" }, visitor.name), h("h1", { tabindex: -1 }, visitor.taste.length ? `For somebody who likes ${phrase(visitor.taste)}` : "Your list, as of now"), h("p", { class: "hero-note" }, "Rate anything: the rows answer at once."));
  const endless = frozenList();
  const hidden = hiddenBar();
  let asked = null, before = false;

  async function load() {
    asked?.abort();
    const mine = (asked = new AbortController());
    try {
      if (before) await knowVisitor();
      before = true;
      await knowScale();
      const query = { limit: ROW, explain: true, ...filterQuery() };
      const turned = mix.diversity !== 0 || mix.popularity !== 0;
      const [found, dialled] = await Promise.all([
        api.home(visitor.id, query, { signal: mine.signal }),
        turned && api.recommendations(visitor.id, { ...query, ...dialQuery() }, { signal: mine.signal }),
      ]);
      const shown = rowsOf(dialled ? withFirstRow(found, dialled) : found);
      const change = showRows(rows, shown);
      if (!shown.length) rows.replaceChildren(h("p", { class: "nothing" }, isPlain() ? "There is nothing here yet: the catalogue is empty." : "Nothing fits these filters."));
      introduce(hero, found);
      filters.learn(found);
      return { change, shown };
    } catch (error) {
      if (mine.signal.aborted) return null;
      return { problem: error instanceof Problem ? error.message : "The page does not understand the answer." };
    }
  }
  /** What could not be read when they came. Rows come without it as well. */
  async function knowVisitor() {
    if (visitor.known) return;
    await become(visitor.id, visitor.name, visitor.taste).catch(() => {});
    hidden.draw();
  }
  async function start() {
    const loaded = await load();
    if (!loaded) return;
    endless.element.hidden = Boolean(loaded.problem) || !loaded.shown.length;
    if (loaded.problem) rows.replaceChildren(h("div", { class: "nothing", role: "alert" }, h("p", {}, loaded.problem), h("button", { class: "button", type: "button", onclick: start }, "Try again")));
    else endless.restart(loaded.shown);
  }
  const filters = desk(start);
  const element = h("div", { class: "home" }, hero, filters.element, hidden.element, rows, endless.element);
  start();
  return {
    element,
    title: "Medley",
    async refresh() {
      hidden.draw();
      endless.update();
      const loaded = await load();
      // What is there stays there: the deed is done, and the next one asks again.
      if (loaded?.problem) redraw(rows);
      return !loaded ? "" : loaded.problem ? `The rows are those from before: ${loaded.problem}` : inWords(loaded.change);
    },
    leave() {
      asked?.abort();
      endless.stop();
    },
  };
}

/** The rows of the answer in the form that is shown; each entry knows which list it belongs to. */
function rowsOf(found) {
  return found.rows
    .filter((row) => row.items.length)
    .map((row) => ({
      key: row.kind + (row.item_id ?? row.category ?? ""),
      title: row.title,
      note: NOTES[row.kind] ?? "",
      items: row.items.map((entry) => ({ ...entry, recommendation_id: row.recommendation_id ?? found.recommendation_id })),
    }));
}

/** Home with the first row as the dials make it; what it takes is left out below. */
function withFirstRow(found, dialled) {
  const taken = new Set(dialled.items.map((entry) => entry.item_id));
  const [first, ...others] = found.rows;
  const rest = others.map((row) => ({ ...row, items: row.items.filter((entry) => !taken.has(entry.item_id)) }));
  return { ...found, rows: [{ ...first, items: dialled.items, recommendation_id: dialled.recommendation_id }, ...rest] };
}

const NOTES = {
  for_you: "Ranked by five signals, for your history up to this second",
  trending: "What people turned to lately",
  latest: "Newest first",
  popular: "With everybody",
};

function introduce(hero, found) {
  const [, title, note] = hero.children;
  const history = plural(found.history_size, "rating, like or click", "ratings, likes and clicks");
  const liking = visitor.taste.length ? `For somebody who likes ${phrase(visitor.taste)}` : "Your list, as of now";
  title.textContent = found.fallback === "popularity" ? "Nothing known yet: the favourites of all" : found.fallback === "preferences" ? `A start with ${phrase(visitor.taste)}` : liking;
  note.textContent = found.degraded.map((each) => MISSING[each]).find(Boolean) ?? (found.history_size ? `Made from ${history}. Rate anything: the rows answer at once.` : "Rate anything: the rows answer at once.");
}

/** What lists are when something was missing, in words. */
const MISSING = {
  database: "The database does not answer: these are everybody’s favourites until it does.",
  no_release: "Nothing has been trained yet: these are everybody’s favourites until it has.",
};

const emptyRow = (title, note = "\u00a0") => h("section", { class: "row", "aria-busy": "true" }, h("div", { class: "row-head" }, h("h2", {}, title), h("p", { class: "row-note" }, note)), h("ul", { class: "row-list" }, placeholders(8)));

const MOST_HIDDEN = 12;

/** What the visitor asked not to see, each with a way back. */
function hiddenBar() {
  const element = h("div", { class: "hidden-bar", role: "group", "aria-label": "Not shown to you" });
  const chip = (kind, id, name) => {
    const text = h("span", {});
    const button = h("button", { class: "chip", type: "button", onclick: () => unhide(kind, id, text.textContent) }, text, icon("dismiss"));
    const call = (known) => ((text.textContent = known), button.setAttribute("aria-label", `Show ${known} again`));
    call(name ?? "…");
    if (name === null) api.item(id).then((item) => call(item.title), () => button.remove());
    return button;
  };
  function draw() {
    const all = ["categories", "items"].flatMap((kind) => [...visitor.hidden[kind]].map(([id, name]) => [kind, id, name]));
    const held = [...element.children].indexOf(document.activeElement);
    element.hidden = !all.length;
    element.replaceChildren(h("span", { class: "label" }, "Not shown to you"), ...all.slice(-MOST_HIDDEN).map((each) => chip(...each)));
    // Who has just taken one back goes on with the next, or is at the top of the page.
    if (held > 0) (all.length ? element.children[Math.min(held, element.children.length - 1)] : $("h1")).focus({ preventScroll: true });
  }
  draw();
  return { element, draw };
}

/** Everything that the rows do not show, page by page on one frozen list: nothing repeats, whatever is rated meanwhile. */
function frozenList() {
  const grid = h("ul", { class: "grid" });
  const end = h("div", { class: "grid-end" });
  const again = h("button", { class: "button small", type: "button", hidden: true }, "Start over with what you said since");
  const element = h("section", { class: "endless", "aria-label": "All for you" }, h("div", { class: "row-head" }, h("h2", {}, "Keep going"), h("p", { class: "row-note" }, "One frozen list: scroll as far as you like, nothing comes twice"), again), grid, end);
  let cursor = null, asked = {}, excluded = [], busy = false, generation = 0;
  again.addEventListener("click", () => begin());

  async function more() {
    if (busy || cursor === undefined) return;
    busy = true;
    const mine = generation;
    try {
      // The same query with each cursor: it belongs to that list.
      const found = await api.recommendations(visitor.id, { ...asked, cursor });
      if (mine !== generation) return;
      cursor = found.next_cursor ?? undefined;
      watcher.unobserve(grid);
      grid.querySelectorAll(".card-empty").forEach((each) => each.remove());
      grid.append(...found.items.map((entry) => card({ ...entry, recommendation_id: found.recommendation_id })));
      end.textContent = cursor === undefined ? "That is all there is." : "";
    } catch (error) {
      if (mine !== generation) return;
      grid.querySelectorAll(".card-empty").forEach((each) => each.remove());
      end.replaceChildren(h("p", {}, error.message), h("button", { class: "button small", type: "button", onclick: () => (end.replaceChildren(), (busy = false), more()) }, "Try again"));
      return; // still busy: scrolling does not ask again, the button does
    }
    if (mine !== generation) return;
    busy = false;
    if (cursor && isNear(end)) more();
  }
  const isNear = (node) => node.isConnected && node.getBoundingClientRect().top < innerHeight + 500;
  const watcher = new IntersectionObserver((records) => records.some((each) => each.isIntersecting) && more(), { rootMargin: "500px" });

  function begin() {
    generation += 1;
    [cursor, busy, asked] = [null, false, { ...filterQuery(), ...dialQuery(), exclude_item: excluded, explain: true, limit: PAGE }];
    again.hidden = true;
    grid.replaceChildren(...placeholders(12));
    end.textContent = "";
    // The first page when its place comes near, the others when the end does.
    for (const each of [grid, end]) (watcher.unobserve(each), watcher.observe(each));
  }
  return {
    element,
    restart(rows) {
      excluded = rows.flatMap((row) => row.items.map((entry) => entry.item_id));
      begin();
    },
    update() {
      again.hidden = false;
      redraw(grid);
    },
    stop: () => ((generation += 1), watcher.disconnect()),
  };
}
