// Runs before anything is painted, so that a chosen theme does not flash; `theme.js` does the rest.
try {
  const chosen = localStorage.getItem("hourglass.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; then the system's theme holds.
}
