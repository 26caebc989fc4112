// Where the service wants a key: ask for one, say what is wrong with one, and keep it for as long as the tab is open.

import { bus, key, onRefused } from "./api.js";
import { $, h, openDialog } from "./dom.js";

// Anything else cannot be sent, and would look as if the service were away.
const PRINTABLE = "\\s*[\\x21-\\x7e]+\\s*";

/** `opens` says what a key has to be good for, `then` is called once one was given after a while without. */
export function installKeys(opens, then) {
  let asking = null, declined = false;
  const bar = h("div", { class: "key-bar", role: "status", hidden: true },
    h("p", {}, "This service asks for an API key."),
    h("button", { class: "button small", type: "button", onclick: giveOne }, "Give a key"));
  $("#main").before(bar);

  onRefused((problem, sent) => {
    // Who closed the question is not asked again before they say so.
    if (declined || (problem.status === 403 && key.subject())) return false;
    return (asking ??= ask(words(problem, sent, opens)).finally(() => (asking = null))).then((given) => {
      declined = !given;
      bar.hidden = given;
      return given;
    });
  });
  async function giveOne() {
    declined = !(await ask(words({ status: 401 }, false, opens)));
    bar.hidden = !declined;
    if (!declined) then();
  }
}

function words(problem, sent, opens) {
  const kept = "It is kept in this tab only, and for as long as it is open.";
  if (problem.status === 401) key.set(null);
  if (!sent) return `This service asks for an API key. ${opens} opens this page. ${kept}`;
  if (problem.status === 401) return `That did not open it. ${problem.message} Try another: ${opens.toLowerCase()}.`;
  return `That key is good, but not for this page: it takes ${opens.toLowerCase()}.`;
}

function ask(text) {
  return new Promise((resolve) => {
    const input = h("input", { class: "field wide", type: "password", autocomplete: "off", autofocus: true, required: true, pattern: PRINTABLE, title: "Without blanks, and of letters, digits and signs of ASCII only", "aria-label": "API key", "aria-describedby": "key-words" });
    const form = h("form", { class: "key-form" }, h("p", { id: "key-words" }, text), input, h("button", { class: "button primary", type: "submit" }, "Use this key"));
    const dialog = openDialog("A key, please", form, { name: "key-dialog" });
    let given = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      given = input.value.trim() !== "";
      if (given) key.set(input.value.trim());
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      if (given) bus.dispatchEvent(new Event("key"));
      resolve(given);
    });
  });
}
