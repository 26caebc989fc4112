// Where the service wants a key: ask for one, and keep it for as long as the tab is open.

import { key, onKeyNeeded } from "./api.js";
import { h, openDialog } from "./dom.js";

export function installKeys(scope) {
  let asking = null;
  onKeyNeeded(() => (asking ??= ask(scope).finally(() => (asking = null))));
}

function ask(scope) {
  return new Promise((resolve) => {
    const input = h("input", { class: "field wide", type: "password", autocomplete: "off", required: true, "aria-label": "API key" });
    const form = h("form", { class: "key-form" },
      h("p", {}, `This service asks for an API key. One with the scope ${scope} opens this page; it is kept in this tab only.`), input,
      h("button", { class: "button primary", type: "submit" }, "Use this key"));
    const dialog = openDialog("A key, please", form, { name: "key-dialog" });
    let given = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      key.set(input.value.trim());
      given = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => resolve(given));
  });
}
