// The bundle's reference sample: images, labels, latents, maps, and who is near whom.

import * as calls from "./calls.js";
import { decodeFile, readBitmap } from "./pixels.js";

const THUMBNAIL = 96; // pixels of the longer side at most

export async function loadSample(api, choice, options) {
  const [document, sheet] = await Promise.all([
    api.json(calls.showReference(choice), options),
    api.blob(calls.showSheet(choice), options).then(decodeFile),
  ]);
  return new Sample(document, sheet, (row, more) => api.blob(calls.showImage(choice, row), more));
}

/** A row as a subject or an end of an interpolation; what is expensive is left to whoever needs it. */
export function refer(sample, row) {
  return { kind: "sample", row, image: null, latent: sample.latent(row) };
}

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
  #bitmap;
  #load; // a row's image from the service
  #vectors = null;

  constructor(document, bitmap, load) {
    const flat = (rows) => Float32Array.from(rows.flat());
    this.#bitmap = bitmap;
    this.#load = load;
    this.count = document.count;
    this.rows = [...Array(this.count).keys()];
    this.image = document.image; // { height, width, channels }
    this.latentDim = document.latent_dim;
    this.sheet = document.sheet; // { columns, rows, tile_width, tile_height, scale }
    this.classes = document.classes; // names, by number; empty without labels
    this.labels = document.labels && Int32Array.from(document.labels); // null without labels
    this.testIndices = document.test_indices;
    this.latents = flat(document.latents); // count * latentDim
    this.maps = { image: flat(document.maps.image), latent: flat(document.maps.latent) }; // count * 2
    this.mse = flat(document.errors.mse);
    this.percentile = flat(document.errors.percentile);
  }

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

  name(row) {
    const label = this.label(row);
    return `test image ${this.testIndices[row]}${label && `, class ${label}`}`;
  }

  /** The size of thumbnails: of the tiles, or less where these are large. */
  get thumbnail() {
    const { tile_width, tile_height } = this.sheet;
    const scale = Math.min(1, THUMBNAIL / Math.max(tile_width, tile_height));
    return { width: Math.ceil(scale * tile_width), height: Math.ceil(scale * tile_height) };
  }

  drawThumbnail(context, row, left = 0, top = 0) {
    const { tile_width, tile_height } = this.sheet;
    const { width, height } = this.thumbnail;
    Object.assign(context, { imageSmoothingEnabled: width < tile_width, imageSmoothingQuality: "high" });
    context.drawImage(this.#bitmap, ...this.#tilePlace(row), tile_width, tile_height, left, top, width, height);
  }

  /** A row's tile as numbers, see pixels.js; smaller than the image where `sheet.scale` is below 1. */
  tile(row) {
    return this.#read(row, 1);
  }

  async pixels(row, options) {
    if (this.sheet.scale === 1) return this.tile(row);
    return readBitmap(await decodeFile(await this.#load(row, options)), this.image.channels);
  }

  /**
   * The rows nearest to a vector of a space, nearest first: [{ row, distance }], Euclidean.
   *
   * In image space vectors are pixels in [0, 1] of the tiles, so they are approximate where these are shrunk.
   * `except` is left out.
   */
  nearest(space, vector, number, except = -1) {
    const [all, scale] = space === "latent" ? [this.latents, 1] : [this.#tiles(), 1 / 255];
    const best = [];
    let worst = Infinity;
    for (let row = 0, start = 0; start < all.length; row++, start += vector.length) {
      let sum = 0;
      for (let at = 0; at < vector.length && sum < worst; at++) sum += (all[start + at] * scale - vector[at]) ** 2;
      if (sum >= worst || row === except) continue;
      const place = best.findIndex((other) => sum < other.sum);
      best.splice(place < 0 ? best.length : place, 0, { row, sum });
      if (best.length > number) best.pop();
      if (best.length === number) worst = best[number - 1].sum;
    }
    return best.map(({ row, sum }) => ({ row, distance: Math.sqrt(sum) }));
  }

  neighbours(space, row, number) {
    return this.nearest(space, space === "latent" ? this.latent(row) : this.tile(row).values, number, row);
  }

  #tilePlace(row) {
    const { columns, tile_width, tile_height } = this.sheet;
    return [(row % columns) * tile_width, Math.floor(row / columns) * tile_height];
  }

  #read(row, number) {
    const { tile_width, tile_height: height } = this.sheet;
    const [left, top] = this.#tilePlace(row);
    return readBitmap(this.#bitmap, this.image.channels, { left, top, width: number * tile_width, height });
  }

  /** All tiles as bytes, row after row; read a line of tiles at a time, since each reading of a canvas costs. */
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
