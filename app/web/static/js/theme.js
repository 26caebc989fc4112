// Light or dark: what the system says, until somebody chooses.

import { icon } from "./dom.js";

const KEPT = "medley-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export function installTheme(button) {
  const root = document.documentElement;
  const kept = localStorage.getItem(KEPT);
  if (kept) root.dataset.theme = kept;
  button.append(icon("moon"));
  const label = () => {
    const dark = (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    button.setAttribute("aria-label", dark ? "Light colours" : "Dark colours");
    return dark;
  };
  label();
  button.addEventListener("click", () => {
    root.dataset.theme = label() ? "light" : "dark";
    localStorage.setItem(KEPT, root.dataset.theme);
    label();
    dispatchEvent(new Event("themechange"));
  });
}
