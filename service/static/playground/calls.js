// Every call of the public API as one object, from which both a request and a curl line are made.
//
// A call: { method, path, query: {name: value}, headers: {name: value}, json }. A choice of model: { name, version }, version null
// for the newest. Images in JSON are base64 of PNG files, or numbers.

const get = (path, query = {}) => ({ method: "GET", path, query, headers: {} });

const post = (path, choice, query, json, accept = "application/json") => ({
  method: "POST",
  path,
  query: { model: choice.name, ...versionOf(choice), ...query },
  headers: { Accept: accept, "Content-Type": "application/json" },
  json,
});

const versionOf = ({ version }) => (version === null ? {} : { version });

const page = (choice, rest = "") => get(`models/${encodeURIComponent(choice.name)}${rest}`, versionOf(choice));

export const listModels = () => get("models");
export const showModel = (choice) => page(choice);
export const showReference = (choice) => page(choice, "/reference");
export const showSheet = (choice) => page(choice, "/reference/images");
export const showImage = (choice, row) => page(choice, `/reference/images/${row}`);
export const showReport = (choice) => page(choice, "/report");

export const encode = (choice, images) => post("encode", choice, {}, { images });
export const reconstruct = (choice, images) => post("reconstruct", choice, {}, { images });
export const decode = (choice, latents) => post("decode", choice, {}, { latents });
/** `body` is { images } or { latents }; `accept` chooses JSON, GIF, WebP, APNG, ... */
export const interpolate = (choice, body, query, accept) => post("interpolate", choice, query, body, accept);
export const layOut = (choice, body, query) => post("tsne", choice, query, body);

/** The address of a call, relative to the page so that it works behind a proxy's prefix. */
export function addressOf(call) {
  const address = new URL(call.path, document.baseURI);
  for (const [name, value] of Object.entries(call.query)) address.searchParams.set(name, value);
  return address.href;
}
