// "Copy as curl": any call as a line for a shell.

import { addressOf } from "./calls.js";
import { element } from "./dom.js";

/** The curl line that does what `call` does; with `saveAs`, the name of a file, it writes the answer there. */
export function toCurl(call, base = document.baseURI) {
  const headers = { ...call.headers };
  const parts = ["curl -s", quote(addressOf(call, base).href)];
  if (call.json !== undefined) headers["Content-Type"] = "application/json";
  else if (call.file) headers["Content-Type"] = call.file.type;
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (call.json !== undefined) parts.push(`-d ${quote(JSON.stringify(call.json))}`);
  else if (call.file) parts.push(`--data-binary ${quote(`@${call.fileName}`)}`);
  if (call.saveAs) parts.push(`-o ${quote(call.saveAs)}`);
  return parts.join(" ");
}

/** A word for a POSIX shell: within single quotes nothing has a meaning but the quote itself. */
function quote(text) {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A button that copies the call that `getCall()` gives at that moment; `what` names the result for screen readers. */
export function curlButton(what, getCall, announce) {
  const copy = async () => {
    const line = toCurl(getCall());
    try {
      await navigator.clipboard.writeText(line);
      announce(`Copied the curl line for ${what}.`);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy as curl"), 1500);
    } catch {
      showLine(line);
    }
  };
  const button = element("button", { type: "button", class: "button plain", "aria-label": `Copy as curl: ${what}`, onclick: copy }, "Copy as curl");
  return button;
}

/** Where the clipboard is not to be had (pages that did not come over HTTPS or from this machine): to copy by hand. */
function showLine(line) {
  const text = element("textarea", { readonly: true, "aria-label": "The curl line" });
  text.value = line;
  const close = element("button.button", { onclick: () => dialog.close() }, "Close");
  const dialog = element("dialog.copying", { "aria-label": "Copy as curl", onclose: () => dialog.remove() },
    element("p", "This browser does not let the page write to the clipboard here. Copy the line by hand:"), text, close);
  document.body.append(dialog);
  dialog.showModal();
  text.select();
}
