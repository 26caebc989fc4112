// The desk: which genres, years and ratings, and the two dials. What it holds is what the lists are asked with.

import { api } from "./api.js";
import { h, later } from "./dom.js";
import { floors } from "./scale.js";

const NOTHING = { genres: [], from: "", to: "", rating: "", diversity: 0, popularity: 0 };
const MOST_GENRES = 24;

export const mix = structuredClone(NOTHING);
export const isPlain = () => JSON.stringify(mix) === JSON.stringify(NOTHING);

/** Where the dials stand: personal lists take them. */
export const dialQuery = () => ({ diversity: mix.diversity || "", popularity: mix.popularity || "" });

/** The filters: every list takes them. */
export function filterQuery() {
  const year = (value, day) => (/^\d{4}$/.test(value) ? `${value}-${day}` : "");
  return {
    category: mix.genres,
    released_from: year(mix.from, "01-01"),
    released_to: year(mix.to, "12-31"),
    min_rating: mix.rating,
  };
}

/** The filters in words, for where the desk is not on the screen; nothing without any. */
export function filtersInWords() {
  const years = mix.from || mix.to ? [mix.from && `from ${mix.from}`, mix.to && `to ${mix.to}`].filter(Boolean).join(" ") : "";
  return [mix.genres.join(" or "), years, mix.rating && `rated ${mix.rating} and up`].filter(Boolean).join(", ");
}
export const clearFilters = () => Object.assign(mix, { ...structuredClone(NOTHING), diversity: mix.diversity, popularity: mix.popularity });

let categories = null;
export const allCategories = async () => (categories ??= (await api.categories()).categories);

export function desk(onchange) {
  const soon = later(140, onchange);
  let dated = true;
  const set = (name, value) => ((mix[name] = value), refresh(), soon());
  const genres = h("div", { class: "desk-genres", role: "group", "aria-label": "Categories" });
  const reset = h("button", { class: "button small desk-reset", type: "button", onclick: clear }, "Clear");
  const summary = h("summary", {}, h("span", {}, "Filter and mix"), h("span", { class: "desk-state" }));
  const panel = h("div", { class: "desk-panel" });
  // Open where there is room for it.
  const details = h("details", { class: "desk", open: matchMedia("(min-width: 60rem)").matches }, summary, panel);

  function clear() {
    soon.cancel();
    Object.assign(mix, structuredClone(NOTHING));
    draw();
    panel.querySelector("button, input")?.focus({ preventScroll: true }); // the button that was used is gone
    onchange();
  }
  function refresh() {
    reset.hidden = isPlain();
    summary.lastChild.textContent = isPlain() ? "" : "on";
  }
  function draw() {
    panel.replaceChildren(
      genres,
      h("div", { class: "desk-fields" }, years(set, dated), select(set)),
      h("div", { class: "desk-dials" },
        dial("Diversity", "alike", "varied", { min: 0, max: 1, value: mix.diversity }, (value) => set("diversity", value)),
        dial("Popularity", "hidden gems", "hits", { min: -1, max: 1, value: mix.popularity }, (value) => set("popularity", value)),
        reset,
      ),
    );
    for (const button of genres.children) button.setAttribute("aria-pressed", String(mix.genres.includes(button.value)));
    refresh();
  }
  /** A catalogue without dates has no years to choose from. */
  function learn(found) {
    const all = found.rows.flatMap((row) => row.items);
    dated = !all.length || all.some((entry) => entry.item.released_on) || Boolean(mix.from || mix.to);
    panel.querySelector(".desk-years").hidden = !dated;
  }
  allCategories().catch(() => []).then((all) => {
    genres.hidden = !all.length;
    genres.replaceChildren(...all.slice(0, MOST_GENRES).map(({ category }) => genreChip(category, (chosen) => set("genres", chosen))));
  });
  draw();
  return { element: details, learn };
}

function genreChip(name, onchange) {
  const chip = h("button", { class: "chip", type: "button", value: name, "aria-pressed": String(mix.genres.includes(name)) }, name);
  chip.addEventListener("click", () => {
    const chosen = mix.genres.includes(name) ? mix.genres.filter((each) => each !== name) : [...mix.genres, name];
    chip.setAttribute("aria-pressed", String(chosen.includes(name)));
    onchange(chosen);
  });
  return chip;
}

function years(set, shown) {
  const box = (name, label) => h("input", { class: "field year", type: "text", inputmode: "numeric", pattern: "[0-9]{4}", maxlength: 4, placeholder: label === "From year" ? "from" : "to", "aria-label": label, value: mix[name], oninput: ({ target }) => (/^(\d{4})?$/.test(target.value) ? set(name, target.value) : null) });
  return h("div", { class: "desk-field desk-years", role: "group", "aria-label": "Years", hidden: !shown }, h("span", { class: "label" }, "Years"), box("from", "From year"), h("span", { "aria-hidden": "true" }, "–"), box("to", "To year"));
}

function select(set) {
  return h("label", { class: "desk-field" }, h("span", { class: "label" }, "Rated"),
    h("select", { class: "field", onchange: ({ target }) => set("rating", target.value) }, [["", "Any"], ...floors()].map(([value, text]) => h("option", { value, selected: mix.rating === value }, text))));
}

function dial(label, low, high, range, onchange) {
  const words = (value) => (Math.abs(value) < 0.05 ? (range.min < 0 ? "balanced" : low) : `${value > 0 ? high : low}, ${Math.round(Math.abs(value) * 100)}%`);
  const place = (value) => ((value - range.min) / (range.max - range.min)) * 100;
  const input = h("input", { type: "range", step: 0.05, ...range, "aria-valuetext": words(range.value) });
  input.style.setProperty("--place", `${place(range.value)}%`);
  input.style.setProperty("--zero", `${place(0)}%`);
  input.addEventListener("input", () => {
    const value = Number(input.value);
    input.setAttribute("aria-valuetext", words(value));
    input.style.setProperty("--place", `${place(value)}%`);
    onchange(value);
  });
  return h("label", { class: "dial" }, h("span", { class: "label" }, label), input, h("span", { class: "dial-ends", "aria-hidden": "true" }, h("span", {}, low), h("span", {}, high)));
}
