// Five stars: how many a visitor would give, faintly, and how many they gave, to click or to choose with the arrow keys.

import { h } from "./dom.js";

const STEPS = [1, 2, 3, 4, 5];

/** `predicted` and `value` may be null; `onrate(stars)` is called with what is chosen, also when it is what was there. */
export function rater(title, { predicted = null, value = null, onrate }) {
  const root = h("div", { class: "rater", role: "radiogroup", "aria-label": `Your rating of ${title}` });
  const fill = (shown) => root.style.setProperty("--fill", shown ?? 0);
  const rest = () => (fill(value ?? predicted), root.classList.remove("choosing"));
  const buttons = STEPS.map((step) =>
    h("button", {
      type: "button",
      role: "radio",
      class: "rater-step",
      "aria-checked": String(value === step),
      "aria-label": step === 1 ? "1 star" : `${step} stars`,
      tabindex: step === Math.max(1, Math.round(value ?? 1)) ? 0 : -1,
      onclick: () => onrate(step),
      onpointerenter: (event) => event.pointerType === "mouse" && choose(step),
      onfocus: (event) => event.target.matches(":focus-visible") && choose(step),
      onblur: rest,
    }),
  );
  const choose = (step) => (fill(step), root.classList.add("choosing"));
  root.addEventListener("pointerleave", rest);
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const at = buttons.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    buttons[Math.min(4, Math.max(0, at + step))].focus();
  });
  root.append(...buttons);
  root.classList.toggle("rated", value !== null);
  rest();
  return root;
}
