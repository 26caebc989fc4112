// The calls that were just made, as curl: what the page does, anybody can do.

import { asCurl, bus, calls } from "./api.js";
import { $, announce, h, icon } from "./dom.js";

const SHOWN = 40;

export function installDrawer(button, drawer) {
  const list = h("ol", { class: "calls-list" });
  const count = h("span", { class: "calls-count", "aria-hidden": "true" });
  const title = h("h2", { tabindex: -1 }, "What just went over the wire");
  drawer.append(
    h("div", { class: "calls-head" }, title, h("button", { class: "icon-button", type: "button", "aria-label": "Close", onclick: () => toggle(false) }, icon("dismiss"))),
    h("p", { class: "soft" }, "Everything on this page comes from the public API. Copy a call and try it."),
    list,
  );
  button.setAttribute("aria-label", "HTTP calls");
  button.title = "HTTP calls, as curl";
  button.append(icon("code"), count);

  function toggle(open) {
    drawer.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    document.body.classList.toggle("with-calls", open);
    if (open) (draw(), title.focus());
    else button.focus();
  }
  function draw() {
    list.replaceChildren(...calls.slice(0, SHOWN).map(row));
  }
  button.addEventListener("click", () => toggle(drawer.hidden));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && !drawer.hidden && !$("dialog[open]")) toggle(false);
  });
  bus.addEventListener("call", ({ detail }) => {
    count.classList.remove("pulse");
    requestAnimationFrame(() => count.classList.add("pulse"));
    if (drawer.hidden) return;
    list.prepend(row(detail));
    if (list.children.length > SHOWN) list.lastChild.remove();
  });
}

function row(record) {
  const command = asCurl(record);
  const [path, query] = record.url.split("?");
  const copy = h("button", { class: "icon-button small", type: "button", "aria-label": `Copy ${record.method} ${path} as curl`, title: "Copy", onclick: () => copied(copy, command) }, icon("copy"));
  return h("li", { class: "call" },
    h("details", {},
      h("summary", {}, h("span", { class: `method ${record.method.toLowerCase()}` }, record.method), h("span", { class: "call-path mono" }, decodeURIComponent(path), query ? h("span", { class: "soft" }, "?…") : null), h("span", { class: "call-status mono" }, `${record.status ?? "–"} · ${Math.round(record.ms)} ms`)),
      h("div", { class: "call-curl" }, h("pre", { class: "mono", tabindex: 0, "aria-label": "As curl" }, command), copy)));
}

async function copied(button, text) {
  await navigator.clipboard.writeText(text).catch(() => {});
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1200);
  announce("Copied.");
}
