// A refusal of the service (RFC 9457), and how one is shown beside what caused it.

import { element, fill } from "./dom.js";

/** Made of a problem document, { type, title, detail, errors }, or of title and detail alone. */
export class Problem extends Error {
  constructor(document) {
    super(document.detail);
    this.document = document;
  }

  get slug() {
    return this.document.type?.split("/").pop();
  }

  static async of(response) {
    const isDocument = response.headers.get("content-type")?.startsWith("application/problem+json");
    return new Problem(isDocument ? await response.json() : { title: `The service answered ${response.status}`, detail: "Try again in a moment." });
  }
}

/** Show an error in `host`; null clears it. What was only aborted is no error. */
export function showProblem(host, error) {
  if (error?.name === "AbortError") return;
  if (!error) return fill(host);
  if (!(error instanceof Problem)) console.error(error);
  const { title, detail, errors } = error.document ?? { title: "This page failed", detail: "Reload it; the browser's console has the details." };
  const faults = (errors ?? []).filter((fault) => fault.detail !== detail).map((fault) =>
    element("li", [fault.pointer ?? fault.parameter, fault.detail].filter(Boolean).join(": ")));
  fill(host, element("div.problem", { role: "alert" }, element("strong", title), detail, faults.length > 0 && element("ul", faults)));
}
