// Who is visiting: users of the data with tastes of their own, or somebody new.

import { api } from "./api.js";
import { drawing } from "./covers.js";
import { h, icon, plural, toast } from "./dom.js";
import { become, nameOf, phrase, visitor } from "./visitor.js";

/** `then` is called once somebody was chosen. */
export function whoView(then) {
  const people = h("ul", { class: "people" }, Array.from({ length: 5 }, () => h("li", { class: "person person-empty", "aria-hidden": "true" })));
  const element = h("div", { class: "who" },
    h("div", { class: "hero" }, h("p", { class: "eyebrow" }, "A recommendation service, live"), h("h1", { tabindex: -1 }, "Rate something. ", h("br"), "Watch your list change."), h("p", { class: "hero-note" }, "Step into somebody’s shoes, or start with a blank page. Every rating counts in the very next answer, and every title can say why it is there.")),
    h("h2", { class: "who-ask" }, "Who are you today?"),
    people,
  );
  api.visitors().then(
    ({ users }) => people.replaceChildren(newcomer(), ...users.map((user) => person(user, then))),
    (error) => people.replaceChildren(newcomer(), h("li", { class: "person-problem soft" }, error.message)),
  );
  return { element, title: "Medley", refresh: async () => "", leave() {} };
}

function person({ user_id: id, ratings, categories, favourites }, then) {
  const names = categories.map((each) => each.category);
  const enter = async () => {
    try {
      await become(id, nameOf(id), names);
    } catch (error) {
      return void toast(error.message);
    }
    if (visitor.id === id) then(); // unless somebody else was chosen meanwhile
  };
  return h("li", { class: "person" },
    h("button", { class: "person-button", type: "button", onclick: enter },
      h("span", { class: "person-art" }, drawing(id, names.slice(0, 1), "0 0 200 220").picture),
      h("span", { class: "person-text" },
        h("span", { class: "person-name display" }, phrase(names)),
        h("span", { class: "person-note" }, `${nameOf(id)}, ${plural(ratings, "rating")}`),
        favourites.length ? h("span", { class: "person-likes" }, `Loves ${favourites.map((each) => each.title).join(", ")}`) : null)));
}

function newcomer() {
  return h("li", { class: "person new" },
    h("a", { class: "person-button", href: "#/start" },
      h("span", { class: "person-art blank" }, icon("plus")),
      h("span", { class: "person-text" }, h("span", { class: "person-name display" }, "Somebody new"), h("span", { class: "person-note" }, "No history at all"), h("span", { class: "person-likes" }, "Pick what you go for, rate what you know, and have a list in half a minute"))));
}
