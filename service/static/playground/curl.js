// "Copy as curl": any call as a line for a shell.

import { addressOf } from "./calls.js";
import { button, element } from "./dom.js";

function toCurl(call) {
  const parts = ["curl -s", quote(addressOf(call))];
  for (const [name, value] of Object.entries(call.headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (call.json) parts.push(`-d ${quote(JSON.stringify(call.json))}`);
  if (call.saveAs) parts.push(`-o ${quote(call.saveAs)}`);
  return parts.join(" ");
}

/** A word for a POSIX shell: within single quotes nothing has a meaning but the quote itself. */
function quote(text) {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A button that copies what `getCall()` gives at that moment; `what` names the result. */
export function curlButton(what, getCall, announce) {
  const copy = async () => {
    const line = toCurl(getCall());
    try {
      await navigator.clipboard.writeText(line);
      announce(`Copied the curl line for ${what}.`);
      copying.textContent = "Copied";
      setTimeout(() => (copying.textContent = "Copy as curl"), 1500);
    } catch {
      showLine(line);
    }
  };
  const copying = button("Copy as curl", copy, { "aria-label": `Copy as curl: ${what}` }, ".plain");
  return copying;
}

/** To copy by hand, where the clipboard is not to be had: on pages that came from another machine without HTTPS. */
function showLine(line) {
  const text = element("textarea", { readonly: true, "aria-label": "The curl line" }, line);
  const dialog = element("dialog.copying", { "aria-label": "Copy as curl", onclose: () => dialog.remove() },
    element("p", "This browser does not let the page write to the clipboard here. Copy the line by hand:"), text, button("Close", () => dialog.close()));
  document.body.append(dialog);
  dialog.showModal();
  text.select();
}
