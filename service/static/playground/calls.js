// Every call of the public API as one object, from which both a request and a curl line are made.
//
// A call: { method, path, query: {name: value}, headers: {name: value}, json } or, in place of `json`,
// { file: Blob, fileName } for one encoded image as the body. A choice of model: { name, version }, version null for
// the newest. Images in JSON are base64 of PNG files, or numbers.

const get = (path, query = {}) => ({ method: "GET", path, query, headers: {} });

const post = (path, choice, query, body, accept = "application/json") => ({
  method: "POST",
  path,
  query: { model: choice.name, ...versionOf(choice), ...query },
  headers: { Accept: accept },
  ...body,
});

const versionOf = ({ version }) => (version === null ? {} : { version });

const page = (choice, rest = "") => `models/${encodeURIComponent(choice.name)}${rest}`;

export const listModels = () => get("models");
export const showModel = (choice) => get(page(choice), versionOf(choice));
export const showReference = (choice) => get(page(choice, "/reference"), versionOf(choice));
export const showSheet = (choice) => get(page(choice, "/reference/images"), versionOf(choice));
export const showImage = (choice, row) => get(page(choice, `/reference/images/${row}`), versionOf(choice));
export const showReport = (choice) => get(page(choice, "/report"), versionOf(choice));

/** `body` is { json: { images } } or { file, fileName }. */
export const encode = (choice, body) => post("encode", choice, {}, body);
export const reconstruct = (choice, body, query = {}) => post("reconstruct", choice, query, body);
export const decode = (choice, latents, query = {}) => post("decode", choice, query, { json: { latents } });
/** `body` is { json: { images } } or { json: { latents } }; `accept` chooses JSON, GIF, WebP, APNG, ... */
export const interpolate = (choice, body, query = {}, accept) => post("interpolate", choice, query, body, accept);
export const layOut = (choice, body, query = {}, accept) => post("tsne", choice, query, body, accept);

/** The address of a call, relative to the page so that it works behind a proxy's prefix. */
export function addressOf(call, base = document.baseURI) {
  const address = new URL(call.path, base);
  for (const [name, value] of Object.entries(call.query)) address.searchParams.set(name, value);
  return address;
}
