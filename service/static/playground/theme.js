// Light or dark: as the system has it, or as it was chosen here.

import { element } from "./dom.js";

const KEY = "hourglass.theme";
const SYSTEM = matchMedia("(prefers-color-scheme: dark)");

/** Whether the page is dark now. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : SYSTEM.matches;
}

/** Call `listener()` whenever the page turns light or dark: canvases must be painted again. */
export function onTheme(listener) {
  SYSTEM.addEventListener("change", listener);
  document.addEventListener("hourglass:theme", listener);
}

/** The value of a design token as it is now, for canvases: `token("--accent")`. */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The switch. */
export function themeSwitch() {
  const options = [["", "System"], ["light", "Light"], ["dark", "Dark"]].map(([value, text]) => element("option", { value }, text));
  const select = element("select.select", { "aria-label": "Theme", onchange: () => choose(select.value) }, options);
  select.value = document.documentElement.dataset.theme ?? "";
  return select;
}

function choose(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage may be forbidden; then the choice holds for this page.
  }
  document.dispatchEvent(new Event("hourglass:theme"));
}
