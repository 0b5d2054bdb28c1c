// Light or dark: as the system has it, or as it was chosen here.

import { select } from "./dom.js";

const SYSTEM = matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : SYSTEM.matches;
}

/** Canvases must be painted again when the page turns light or dark. */
export function onTheme(listener) {
  SYSTEM.addEventListener("change", listener);
  document.addEventListener("hourglass:theme", listener);
}

/** The value of a design token as it is now, for canvases. */
export function token(name) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const both = /^light-dark\((.*), (.*)\)$/.exec(value);
  return both ? both[isDark() ? 2 : 1] : value;
}

export function themeSwitch() {
  const list = select([["", "System"], ["light", "Light"], ["dark", "Dark"]], { "aria-label": "Theme", onchange: () => choose(list.value) });
  list.value = document.documentElement.dataset.theme ?? "";
  return list;
}

function choose(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  try {
    localStorage.setItem("hourglass.theme", theme);
  } catch {
    // Storage may be forbidden; then the choice holds for this page.
  }
  document.dispatchEvent(new Event("hourglass:theme"));
}
