// The ends of an interpolation: what they are called, what they look like, and what stands in for one that nobody chose.

import * as calls from "./calls.js";
import { writeBase64 } from "./pixels.js";
import { refer } from "./sample.js";

/** What an image in the store is called where no picture can be seen. */
export function nameOf(sample, { kind, row }) {
  if (row !== null) return sample.name(row);
  return { drawing: "a drawing", file: "an uploaded image", latent: "a place in latent space" }[kind] ?? "an image";
}

/** Its pixels. */
export async function imageOf(sample, end, options) {
  return end.image ?? sample.pixels(end.row, options);
}

/** Its latent vector, from the service where it is not known yet. */
export async function latentOf(api, choice, sample, end, options) {
  if (end.latent !== null) return end.latent;
  const images = [writeBase64(await imageOf(sample, end, options))];
  const { latents } = await api.json(calls.encode(choice, { json: { images } }), options);
  return Float32Array.from(latents[0]);
}

/**
 * The body of /interpolate for two ends: images where both are images. A place in latent space is none, so beside one both
 * are latents: else the walk would begin at the encoding of what was decoded, which is somewhere near.
 */
export async function bodyOf(api, choice, sample, ends, options) {
  if (ends.some(({ kind }) => kind === "latent")) {
    const latents = await Promise.all(ends.map((end) => latentOf(api, choice, sample, end, options)));
    return { json: { latents: latents.map((latent) => [...latent]) } };
  }
  const images = await Promise.all(ends.map((end) => imageOf(sample, end, options)));
  return { json: { images: images.map(writeBase64) } };
}

/** The most typical row of each class in the order of classes, or of all where there are no labels: nearest to the mean latent. */
export function typicalRows(sample) {
  const rowsOf = new Map();
  for (let row = 0; row < sample.count; row++) {
    const label = sample.labels === null ? 0 : sample.labels[row];
    if (!rowsOf.has(label)) rowsOf.set(label, []);
    rowsOf.get(label).push(row);
  }
  return [...rowsOf.keys()].sort((one, other) => one - other).map((label) => centralRow(sample, rowsOf.get(label)));
}

/** Both ends, with a typical image for one that is null: of the class farthest away from the other end. */
export function withStandIns(sample, typical, { a, b }) {
  const first = a ?? (b === null ? refer(sample, typical[0]) : standIn(sample, typical, b));
  return { a: first, b: b ?? standIn(sample, typical, first) };
}

/** A row by chance, of another class than `other`'s where there is one. */
export function randomRow(sample, other) {
  const label = other?.row == null ? null : sample.label(other.row);
  const isOther = (row) => row !== other?.row && (!label || sample.label(row) !== label);
  const rows = Array.from({ length: sample.count }, (_, row) => row);
  const allowed = rows.filter(isOther);
  const from = allowed.length ? allowed : rows;
  return from[Math.floor(Math.random() * from.length)];
}

function standIn(sample, typical, end) {
  const rows = typical.length > 1 ? typical : Array.from({ length: sample.count }, (_, row) => row);
  if (end.latent === null) return refer(sample, rows[0]);
  const distances = rows.map((row) => squaredDistance(sample.latent(row), end.latent));
  return refer(sample, rows[distances.indexOf(distances.reduce((most, distance) => Math.max(most, distance)))]);
}

function centralRow(sample, rows) {
  const mean = new Float32Array(sample.latentDim);
  for (const row of rows) sample.latent(row).forEach((value, at) => (mean[at] += value / rows.length));
  let [best, least] = [rows[0], Infinity];
  for (const row of rows) {
    const distance = squaredDistance(sample.latent(row), mean);
    if (distance < least) [best, least] = [row, distance];
  }
  return best;
}

function squaredDistance(one, other) {
  return one.reduce((sum, value, at) => sum + (value - other[at]) ** 2, 0);
}
