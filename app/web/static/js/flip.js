// Rows that change before one's eyes: what stays slides to its new place, what left falls away, what is new comes in.

import { card, update } from "./cards.js";
import { h, icon, plural } from "./dom.js";
import { keepFocus } from "./focus.js";

const EASE = "cubic-bezier(.2, .8, .2, 1)";
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Show `rows` ({ key, title, note, items }) in `container`, and say what changed; null where nothing stood before. */
export function showRows(container, rows) {
  const before = new Map();
  for (const element of container.querySelectorAll("li.card[data-item]")) {
    before.set(element.dataset.item, { element, row: element.closest(".row").dataset.key, rank: element.entry.rank, box: element.getBoundingClientRect() });
  }
  const shown = keepFocus(container, () => placeRows(container, rows, before));
  if (!before.size) return null;
  const change = compare(before, shown);
  animate(change);
  return change;
}

/** The sections of the rows, in their order and nothing besides: placeholders and words that stood in are gone. */
function placeRows(container, rows, before) {
  const sections = new Map([...container.querySelectorAll(".row[data-key]")].map((each) => [each.dataset.key, each]));
  const shown = rows.map((row) => fillRow(sections.get(row.key) ?? newRow(row), row, before));
  for (const each of [...container.children]) if (!shown.includes(each)) each.remove();
  shown.forEach((section, at) => container.children[at] !== section && container.insertBefore(section, container.children[at] ?? null));
  return shown;
}

function newRow(row) {
  const list = h("ul", { class: "row-list", tabindex: -1 });
  const scroll = (direction) => list.scrollBy({ left: direction * list.clientWidth * 0.85, behavior: calm() ? "auto" : "smooth" });
  const arrow = (name, direction) => h("button", { class: "icon-button", type: "button", tabindex: -1, "aria-hidden": "true", onclick: () => scroll(direction) }, icon(name));
  return h("section", { class: "row", dataset: { key: row.key } },
    h("div", { class: "row-head" }, h("h2", {}), h("p", { class: "row-note" }), h("div", { class: "row-arrows" }, arrow("left", -1), arrow("right", 1))),
    list,
  );
}

function fillRow(section, row, before) {
  section.querySelector("h2").textContent = row.title;
  section.querySelector(".row-note").textContent = row.note ?? "";
  section.setAttribute("aria-label", row.title);
  section.querySelector("ul").replaceChildren(
    ...row.items.map((entry) => {
      const known = before.get(entry.item_id)?.element;
      return known ? update(known, entry) : card(entry);
    }),
  );
  return section;
}

function compare(before, sections) {
  const change = { up: [], down: [], fresh: [], left: [], moved: [] };
  const now = new Set();
  for (const section of sections) {
    for (const element of section.querySelectorAll("li.card[data-item]")) {
      const was = before.get(element.dataset.item);
      now.add(element.dataset.item);
      if (!was) change.fresh.push(element);
      else {
        const steps = was.row === section.dataset.key ? was.rank - element.entry.rank : 0;
        change.moved.push({ element, from: was.box });
        if (steps > 0) change.up.push({ element, steps });
        if (steps < 0) change.down.push({ element, steps });
      }
    }
  }
  for (const [id, was] of before) if (!now.has(id)) change.left.push(was);
  return change;
}

/** The change in words. */
export function inWords(change) {
  if (!change) return "";
  const parts = [
    change.up.length && `${change.up.length} moved up`,
    change.left.length && `${change.left.length} left`,
    change.fresh.length && `${plural(change.fresh.length, "is", "are")} new`,
  ].filter(Boolean);
  return parts.length ? `In your rows ${parts.join(", ")}.` : "The rows stay as they are.";
}

function animate(change) {
  for (const { element, steps } of change.up) mark(element, "up", `▲ ${steps}`, `Up ${steps}`);
  for (const { element, steps } of change.down) if (steps < -2) mark(element, "down", `▼ ${-steps}`, `Down ${-steps}`);
  for (const element of change.fresh) mark(element, "fresh", "New", "New");
  if (calm()) return;
  for (const { element, from } of change.moved) {
    const to = element.getBoundingClientRect();
    const [x, y] = [from.left - to.left, from.top - to.top];
    if ((x || y) && (near(from) || near(to))) element.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], { duration: 620, easing: EASE });
  }
  change.fresh.forEach((element, at) =>
    element.animate([{ opacity: 0, transform: "translateY(22px) scale(.94)" }, { opacity: 1, transform: "none" }], { duration: 480, delay: Math.min(at, 8) * 45 + 120, easing: EASE, fill: "backwards" }),
  );
  change.left.filter((was) => near(was.box)).forEach(fall);
}

const near = (box) => box.bottom > -100 && box.top < innerHeight + 100 && box.right > -200 && box.left < innerWidth + 200;

function fall({ element, box }) {
  const ghost = element.cloneNode(true);
  ghost.removeAttribute("data-item");
  ghost.setAttribute("aria-hidden", "true");
  ghost.inert = true;
  ghost.classList.add("ghost");
  for (const [name, value] of Object.entries({ left: box.left, top: box.top, width: box.width })) ghost.style[name] = `${value}px`;
  document.body.append(ghost);
  const leaving = ghost.animate([{ opacity: 1, transform: "none" }, { opacity: 0, transform: "translateY(46px) rotate(3deg) scale(.92)" }], { duration: 460, easing: "cubic-bezier(.5, 0, .9, .4)" });
  leaving.finished.finally(() => ghost.remove());
}

function mark(element, kind, text, spoken) {
  element.querySelector(".badge")?.remove();
  const badge = h("span", { class: `badge ${kind}` }, h("span", { "aria-hidden": "true" }, text), h("span", { class: "sr-only" }, spoken));
  element.firstElementChild.append(badge);
  setTimeout(() => badge.remove(), 9000);
}
