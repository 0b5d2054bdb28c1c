// The bundle's reference sample: images, labels, latents, maps, and who is near whom.

import * as calls from "./calls.js";
import { decodeFile, readBitmap } from "./pixels.js";

/** Load the sample of a model: its numbers and its sheet, at the same time. */
export async function loadSample(api, choice, options) {
  const [document, sheet] = await Promise.all([
    api.json(calls.showReference(choice), options),
    api.blob(calls.showSheet(choice), options).then(decodeFile),
  ]);
  return new Sample(api, choice, document, sheet);
}

/** A row of the sample as a subject or an end of an interpolation; what is expensive is left to whoever needs it. */
export function refer(sample, row) {
  return { kind: "sample", row, image: null, latent: sample.latent(row) };
}

/** What a subject or an end is called where no picture can be seen. */
export function nameOf(sample, { kind, row, fileName }) {
  if (row !== null) return sample.name(row);
  return { drawing: "your drawing", file: fileName || "your picture", latent: "a place in latent space" }[kind] ?? "an image";
}

/** Whether two subjects or ends, which may be null, are one image. */
export function isSame(one, other) {
  if (!one || !other) return false;
  return one === other || (one.row === null ? one.image !== null && one.image === other.image : one.row === other.row);
}

export const capital = (text) => text[0].toUpperCase() + text.slice(1);

export class Sample {
  #api;
  #choice;
  #bitmap;
  #vectors = null;

  constructor(api, choice, document, bitmap) {
    this.#api = api;
    this.#choice = choice;
    this.#bitmap = bitmap;
    this.count = document.count;
    this.rows = [...Array(this.count).keys()];
    this.image = document.image; // { height, width, channels }
    this.latentDim = document.latent_dim;
    this.sheet = document.sheet; // { columns, rows, tile_width, tile_height, scale }
    this.classes = document.classes; // names, by number; empty without labels
    this.labels = document.labels && Int32Array.from(document.labels); // null without labels
    this.testIndices = document.test_indices;
    this.latents = Float32Array.from(document.latents.flat()); // count * latentDim
    this.maps = { image: Float32Array.from(document.maps.image.flat()), latent: Float32Array.from(document.maps.latent.flat()) }; // count * 2
    this.mse = Float32Array.from(document.errors.mse);
    this.percentile = Float32Array.from(document.errors.percentile);
  }

  /** The latent vector of a row, not copied. */
  latent(row) {
    return this.latents.subarray(row * this.latentDim, (row + 1) * this.latentDim);
  }

  /** The class of a row in words; empty without labels. */
  label(row) {
    return this.labels === null ? "" : (this.classes[this.labels[row]] ?? String(this.labels[row]));
  }

  /** Rows by class, in the order of classes: [{ number, name, rows }]; without labels all are of class 0, without a name. */
  byClass(rows = this.rows) {
    const groups = Object.groupBy(rows, (row) => this.labels?.[row] ?? 0);
    return Object.entries(groups).map(([number, members]) => ({ number: Number(number), name: this.label(members[0]), rows: members }));
  }

  /** What a row is called where no picture can be seen. */
  name(row) {
    const label = this.label(row);
    return `test image ${this.testIndices[row]}${label && `, class ${label}`}`;
  }

  /** Draw a row's tile into a box of a canvas, from the sheet and so at once. */
  drawTile(context, row, left, top, width, height) {
    const { tile_width, tile_height } = this.sheet;
    context.imageSmoothingEnabled = width < tile_width;
    context.drawImage(this.#bitmap, ...this.#tilePlace(row), tile_width, tile_height, left, top, width, height);
  }

  /** A row's tile as numbers, see pixels.js; smaller than the image where `sheet.scale` is below 1. */
  tile(row) {
    return this.#read(row, 1);
  }

  /** A row's image as numbers, as the model takes it. */
  async pixels(row, options) {
    if (this.sheet.scale === 1) return this.tile(row);
    const file = await this.#api.blob(calls.showImage(this.#choice, row), options);
    return readBitmap(await decodeFile(file), this.image.channels);
  }

  /**
   * The rows nearest to a vector of a space, nearest first: [{ row, distance }], Euclidean.
   *
   * In image space vectors are pixels in [0, 1] of the tiles, so they are approximate where these are shrunk.
   * `except` is left out: a row has itself for its nearest neighbour.
   */
  nearest(space, vector, number = 8, except = -1) {
    const [all, scale] = space === "latent" ? [this.latents, 1] : [this.#tiles(), 1 / 255];
    return nearestRows(all, scale, vector, number, except);
  }

  /** The neighbours of a row of the sample. */
  neighbours(space, row, number = 8) {
    return this.nearest(space, space === "latent" ? this.latent(row) : this.tile(row).values, number, row);
  }

  #tilePlace(row) {
    const { columns, tile_width, tile_height } = this.sheet;
    return [(row % columns) * tile_width, Math.floor(row / columns) * tile_height];
  }

  /** So many tiles beside each other as numbers. */
  #read(row, number) {
    const { tile_width, tile_height: height } = this.sheet;
    const [left, top] = this.#tilePlace(row);
    return readBitmap(this.#bitmap, this.image.channels, { left, top, width: number * tile_width, height });
  }

  /** All tiles as bytes, row after row; made when first needed, a line of tiles at a time since each reading of a canvas costs. */
  #tiles() {
    if (this.#vectors !== null) return this.#vectors;
    const { columns, tile_width, tile_height } = this.sheet;
    const length = tile_width * this.image.channels;
    this.#vectors = new Uint8Array(this.count * tile_height * length);
    for (let first = 0; first < this.count; first += columns) {
      const number = Math.min(columns, this.count - first);
      const bytes = this.#read(first, number).values.map((value) => 255 * value + 0.5);
      for (let line = 0; line < number * tile_height; line++) {
        const [down, tile] = [Math.floor(line / number), first + (line % number)];
        this.#vectors.set(bytes.subarray(line * length, (line + 1) * length), (tile * tile_height + down) * length);
      }
    }
    return this.#vectors;
  }
}

/** By brute force: of 70,000 rows of 784 numbers in some 50 ms. */
function nearestRows(all, scale, vector, number, except) {
  const size = vector.length;
  const best = [];
  let worst = Infinity;
  for (let row = 0, start = 0; start < all.length; row++, start += size) {
    let sum = 0;
    for (let at = 0; at < size && sum < worst; at++) sum += (all[start + at] * scale - vector[at]) ** 2;
    if (sum >= worst || row === except) continue;
    const place = best.findIndex((other) => sum < other.sum);
    best.splice(place < 0 ? best.length : place, 0, { row, sum });
    if (best.length > number) best.pop();
    if (best.length === number) worst = best[number - 1].sum;
  }
  return best.map(({ row, sum }) => ({ row, distance: Math.sqrt(sum) }));
}
