// The storefront: which view is shown, and who is looking at it.

import { bus, key } from "./api.js";
import { $, announce, h } from "./dom.js";
import { installDrawer } from "./drawer.js";
import { drawing } from "./covers.js";
import { homeView } from "./home.js";
import { itemView } from "./item.js";
import { installKeys } from "./keys.js";
import { installSearch, searchView } from "./search.js";
import { startView } from "./start.js";
import { installTheme } from "./theme.js";
import { become, remembered, visitor } from "./visitor.js";
import { whoView } from "./who.js";

let view = null;
const scrolled = new Map();

/** The view of an address, whatever somebody has typed there. */
function viewAt(hash) {
  try {
    return viewOf(hash);
  } catch (error) {
    if (error instanceof URIError) return lostView();
    throw error;
  }
}

function lostView() {
  const element = h("div", { class: "hero small" }, h("h1", { tabindex: -1 }, "Not here"), h("p", { class: "hero-note" }, "Nothing can be at this address."), h("p", {}, h("a", { class: "button", href: "#/" }, "Back to the rows")));
  return { element, title: "Not here · Medley", refresh: async () => "", leave() {} };
}

function viewOf(hash) {
  const [path, query] = hash.replace(/^#/, "").split("?");
  const [, name, id] = path.split("/");
  if (name === "item" && id) return itemView(decodeURIComponent(id));
  if (name === "search") return searchView(new URLSearchParams(query));
  if (name === "start") return startView();
  if ((name === "who" && !key.subject()) || !visitor.id) return whoView(() => go("#/"));
  return homeView();
}

function show({ focus = true } = {}) {
  view?.leave();
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  view = viewAt(location.hash);
  document.title = view.title;
  $("#main").replaceChildren(view.element);
  scrollTo({ top: scrolled.get(location.hash) ?? 0 });
  if (focus) $("#main").focus({ preventScroll: true });
}

/** Show what is at an address, also where the page is there already. */
function go(hash) {
  if (location.hash === hash) show();
  else location.hash = hash;
}

function drawVisitor() {
  const button = $("#visitor-button");
  button.setAttribute("aria-label", visitor.id ? `${visitor.name}: change visitor` : "Choose a visitor");
  button.replaceChildren(h("span", { class: "avatar" }, drawing(visitor.id ?? "nobody", visitor.taste.slice(0, 1), "30 30 140 140").picture), h("span", { class: "visitor-name" }, visitor.id ? visitor.name : "Choose"));
}

bus.addEventListener("visitor", () => {
  drawVisitor();
  $("#toasts").replaceChildren(); // what they say was said to somebody else
});
bus.addEventListener("feedback", async ({ detail }) => detail.settle(await view.refresh().catch(() => "")));
addEventListener("hashchange", ({ oldURL }) => {
  scrolled.set(new URL(oldURL).hash, scrollY);
  show();
  announce(document.title);
});

/** With a user token one can only be the user whom it is for. */
async function becomeSubject() {
  const subject = key.subject();
  if (!subject || subject === visitor.id) return;
  await become(subject, "You").catch(() => {}); // the rows say what is wrong
  go("#/");
}
bus.addEventListener("key", becomeSubject);

/** From wherever the keyboard is: the button is at the end of the page. */
function undoByKey(event) {
  const undo = $(".toast-action[aria-keyshortcuts]");
  if (!undo || event.key !== "z" || event.shiftKey || !(event.ctrlKey || event.metaKey) || event.target.closest("input, select, textarea")) return;
  event.preventDefault();
  undo.click();
}

async function begin() {
  installKeys("One with the scopes read and write, or a user token,", show);
  installTheme($("#theme-button"));
  // Its address would be taken for a view.
  $(".skip").addEventListener("click", (event) => (event.preventDefault(), $("#main").focus()));
  addEventListener("keydown", undoByKey);
  installDrawer($("#calls-button"), $("#calls"));
  installSearch($("#find"));
  $("#visitor-button").addEventListener("click", () => go("#/who"));
  const last = remembered();
  if (last) await become(last.id, last.name, last.taste).catch(() => {});
  await becomeSubject();
  drawVisitor();
  show({ focus: false });
  document.documentElement.dataset.ready = "";
  performance.mark("ready");
}
begin();
