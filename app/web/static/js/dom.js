// Elements without a framework: h("p", { class: "soft" }, "text", node).

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

const ICONS = {
  heart: ["M12 20s-7.5-4.6-9-9.1C1.9 7.4 4.2 4.5 7.2 4.5c2 0 3.6 1.1 4.8 2.9 1.2-1.8 2.8-2.9 4.8-2.9 3 0 5.3 2.9 4.2 6.4C19.5 15.4 12 20 12 20z"],
  dismiss: ["M6 6l12 12M18 6L6 18"],
  why: ["M9.2 9.2a2.9 2.9 0 1 1 4.2 2.6c-.9.5-1.4 1-1.4 2.2", "M12 17.4v.1"],
  code: ["M8.5 7L3.5 12l5 5M15.5 7l5 5-5 5"],
  moon: ["M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z"],
  search: ["M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20.5 20.5L16 16"],
  left: ["M14.5 5.5L8 12l6.5 6.5"],
  right: ["M9.5 5.5L16 12l-6.5 6.5"],
  copy: ["M9 9h11v11H9zM5 15H4V4h11v1"],
  plus: ["M12 5v14M5 12h14"],
};

export function icon(name) {
  const paths = ICONS[name].map((d) => svg("path", { d }));
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, paths);
}

export const $ = (selector, inside = document) => inside.querySelector(selector);

/** Tell a screen reader, once, what changed. */
export function announce(text) {
  const live = $("#live");
  live.textContent = "";
  requestAnimationFrame(() => (live.textContent = text));
}

export function toast(text, ...actions) {
  const toasts = $("#toasts");
  const close = () => element.remove();
  const buttons = actions.map(({ label, run, keys }) => h("button", { class: "toast-action", type: "button", "aria-keyshortcuts": keys, title: keys, onclick: () => (close(), run()) }, label));
  const element = h("div", { class: "toast" }, h("p", {}, text), buttons.length ? h("div", { class: "toast-actions" }, buttons) : null);
  toasts.replaceChildren(element);
  // What can be undone is there long enough to be found by who reads slowly, and stays while somebody is about to use it.
  let timer = setTimeout(close, buttons.length ? 30_000 : 9000);
  element.addEventListener("pointerenter", () => clearTimeout(timer));
  element.addEventListener("focusin", () => clearTimeout(timer));
  element.addEventListener("pointerleave", () => (timer = setTimeout(close, 9000)));
  return element;
}

/** A modal dialog that is taken away when it closes; `body` is what it shows. */
export function openDialog(title, body, { name = "" } = {}) {
  const close = h("button", { class: "icon-button", type: "button", "aria-label": "Close", onclick: () => dialog.close() }, icon("dismiss"));
  const heading = h("h2", { id: "dialog-title" }, title);
  const dialog = h(
    "dialog",
    { class: `dialog ${name}`, "aria-labelledby": "dialog-title" },
    h("div", { class: "dialog-head" }, heading, close),
    h("div", { class: "dialog-body" }, body),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** `run` once nothing has asked for it for a while; `cancel` on it takes back what was asked. */
export function later(milliseconds, run) {
  let timer;
  const soon = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), milliseconds);
  };
  return Object.assign(soon, { cancel: () => clearTimeout(timer) });
}

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
export const yearOf = (item) => item.released_on?.slice(0, 4) ?? null;
