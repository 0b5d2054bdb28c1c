// A refusal of the service (RFC 9457), and how one is shown beside what caused it.

import { element, fill } from "./dom.js";

export class Problem extends Error {
  /** @param document A problem document: title, detail, status, errors. */
  constructor(document) {
    super(document.detail);
    this.document = document;
  }

  get slug() {
    return this.document.type.split("/").pop();
  }

  /** What a failed response says of itself. */
  static async of(response) {
    const isDocument = response.headers.get("content-type")?.startsWith("application/problem+json");
    if (isDocument) return new Problem(await response.json());
    return Problem.named("unexpected-answer", `The service answered ${response.status}`, "Try again in a moment.");
  }

  /** A problem that arose here and not in the service. */
  static named(slug, title, detail) {
    return new Problem({ type: `/problems/${slug}`, title, detail, status: 0, errors: [] });
  }
}

/** Show an error in `host`, which lies beside what caused it; null clears it. What was only aborted is no error. */
export function showProblem(host, error) {
  if (error?.name === "AbortError") return;
  if (!error) {
    fill(host);
    return;
  }
  const { title, detail, errors = [] } = error instanceof Problem ? error.document : unforeseen(error);
  const faults = errors.filter((fault) => fault.detail !== detail).map((fault) => element("li", faultText(fault)));
  const list = faults.length > 0 && element("ul", faults);
  fill(host, element("div.problem", { role: "alert" }, element("strong", title), detail, list));
}

function faultText({ detail, pointer, parameter }) {
  const place = pointer ?? parameter;
  return place ? `${place}: ${detail}` : detail;
}

function unforeseen(error) {
  console.error(error);
  return { title: "This page failed", detail: "Reload it; the browser's console has the details." };
}
