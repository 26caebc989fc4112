// A row of stars: how many a visitor would give, faintly, and how many they gave, to click or to choose with the arrow keys.

import { h } from "./dom.js";
import { filled, inStars, steps } from "./scale.js";

/** `predicted` and `value` are on the service's scale and may be null; `onrate(value)` is called with what is chosen, also when it is
 * what was there. */
export function rater(title, { predicted = null, value = null, onrate }) {
  const values = steps();
  const root = h("div", { class: "rater", role: "radiogroup", "aria-label": `Your rating of ${title}`, style: { "--steps": values.length } });
  const fill = (stars) => root.style.setProperty("--fill", stars);
  const shown = value ?? predicted;
  const rest = () => (fill(shown === null ? 0 : filled(shown)), root.classList.remove("choosing"));
  const first = value === null ? 1 : Math.min(values.length, Math.max(1, Math.round(filled(value))));
  const buttons = values.map((each, at) =>
    h("button", {
      type: "button",
      role: "radio",
      class: "rater-step",
      "aria-checked": String(value === each),
      "aria-label": inStars(each),
      tabindex: at + 1 === first ? 0 : -1,
      onclick: () => onrate(each),
      // Not where a row moves under a pointer that rests: that would look like stars that were given.
      onpointermove: (event) => event.pointerType === "mouse" && choose(at + 1),
      onfocus: (event) => event.target.matches(":focus-visible") && choose(at + 1),
      onblur: rest,
    }),
  );
  const choose = (stars) => (fill(stars), root.classList.add("choosing"));
  root.addEventListener("pointerleave", rest);
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const at = buttons.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    buttons[Math.min(buttons.length - 1, Math.max(0, at + step))].focus();
  });
  root.append(...buttons);
  root.classList.toggle("rated", value !== null);
  rest();
  return root;
}
