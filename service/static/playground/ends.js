// The ends of an interpolation: what they look like, and what stands in for one that nobody chose.

import * as calls from "./calls.js";
import { writeBase64 } from "./pixels.js";
import { refer } from "./sample.js";

export async function imageOf(sample, end, options) {
  return end.image ?? sample.pixels(end.row, options);
}

export async function latentOf(api, choice, sample, end, options) {
  if (end.latent !== null) return end.latent;
  const images = [writeBase64(await imageOf(sample, end, options))];
  const { latents } = await api.json(calls.encode(choice, images), options);
  return Float32Array.from(latents[0]);
}

/**
 * The body of /interpolate for two ends: images where both are images. Beside a place in latent space both are latents: else the
 * walk would begin at the encoding of what was decoded, which is only near.
 */
export async function bodyOf(api, choice, sample, ends, options) {
  if (ends.some(({ kind }) => kind === "latent")) {
    const latents = await Promise.all(ends.map((end) => latentOf(api, choice, sample, end, options)));
    return { latents: latents.map((latent) => [...latent]) };
  }
  const images = await Promise.all(ends.map((end) => imageOf(sample, end, options)));
  return { images: images.map(writeBase64) };
}

/** The most typical row of each class in the order of classes: nearest to the mean latent. */
export function typicalRows(sample) {
  return sample.byClass().map(({ rows }) => {
    const mean = new Float32Array(sample.latentDim).map((_, at) => rows.reduce((sum, row) => sum + sample.latent(row)[at], 0) / rows.length);
    return extreme(sample, rows, mean, -1);
  });
}

/** Both ends, with a typical image for one that is null, far from the other. */
export function withStandIns(sample, typical, { a, b }) {
  const first = a ?? (b === null ? refer(sample, typical[0]) : standIn(sample, typical, b));
  return { a: first, b: b ?? standIn(sample, typical, first) };
}

/** A row by chance, of another class than `other`'s where there is one. */
export function randomRow(sample, other) {
  const label = other?.row == null ? "" : sample.label(other.row);
  const isOther = (row) => row !== other?.row && (!label || sample.label(row) !== label);
  const allowed = sample.rows.filter(isOther);
  const from = allowed.length ? allowed : sample.rows;
  return from[Math.floor(Math.random() * from.length)];
}

function standIn(sample, typical, end) {
  const rows = typical.length > 1 ? typical : sample.rows;
  return refer(sample, end.latent === null ? rows[0] : extreme(sample, rows, end.latent, 1));
}

/** The row whose latent lies farthest from a vector, or nearest to it where `sign` is -1. */
function extreme(sample, rows, vector, sign) {
  const distances = rows.map((row) => sign * sample.latent(row).reduce((sum, value, at) => sum + (value - vector[at]) ** 2, 0));
  const most = distances.reduce((one, other) => Math.max(one, other));
  return rows[distances.indexOf(most)];
}
