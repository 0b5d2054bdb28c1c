// Images as numbers, and on canvases.
//
// An image here is { width, height, channels, values }: values a Float32Array in [0, 1] of height * width * channels
// numbers, as the API counts them; channels 1 (grey) or 3 (RGB).

function toImageData({ width, height, channels, values }) {
  const data = new Uint8ClampedArray(4 * width * height).map((_, at) =>
    at % 4 === 3 ? 255 : 255 * values[Math.floor(at / 4) * channels + (channels === 3 ? at % 4 : 0)]);
  return new ImageData(data, width, height);
}

/** ImageData without transparency -> numbers; greys by ITU-R BT.601, as Pillow makes them. */
export function fromImageData({ width, height, data }, channels) {
  const values = new Float32Array(width * height * channels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [red, green, blue] = [data[4 * pixel], data[4 * pixel + 1], data[4 * pixel + 2]];
    if (channels === 3) values.set([red / 255, green / 255, blue / 255], 3 * pixel);
    else values[pixel] = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
  }
  return { width, height, channels, values };
}

/** An encoded image -> a bitmap with the bytes as they are in the file. */
export function decodeFile(blob) {
  return createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
}

export function readBitmap(bitmap, channels, { left = 0, top = 0, width = bitmap.width, height = bitmap.height } = {}) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, left, top, width, height, 0, 0, width, height);
  return fromImageData(context.getImageData(0, 0, width, height), channels);
}

/** A PNG file as the API's JSON holds it -> a bitmap. */
export function decodeBase64(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return decodeFile(new Blob([bytes], { type: "image/png" }));
}

export async function readBase64(text, channels) {
  return readBitmap(await decodeBase64(text), channels);
}

export function writeBase64(image) {
  return canvasOf(image).toDataURL("image/png").split(",")[1];
}

export function canvasOf(image) {
  const canvas = document.createElement("canvas");
  paint(canvas, image);
  return canvas;
}

/** Show an image on a canvas at its own size; CSS enlarges it. */
export function paint(canvas, image) {
  const data = image instanceof ImageData ? image : toImageData(image);
  Object.assign(canvas, { width: data.width, height: data.height });
  canvas.getContext("2d").putImageData(data, 0, 0);
}

/**
 * Where a reconstruction differs from its image -> ImageData: for grey images too dark is blue and too light red, for
 * colour images the root mean square is red; full colour at `scale`, as in the report.
 */
export function errorMap(image, reconstruction, scale = 0.5) {
  const { width, height, channels } = image;
  const apart = reconstruction.values.map((value, at) => value - image.values[at]);
  const data = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [red, green, blue] = apart.subarray(channels * pixel, channels * (pixel + 1));
    data.data.set([...diverging((channels === 1 ? red : Math.hypot(red, green, blue) / Math.sqrt(3)) / scale), 255], 4 * pixel);
  }
  return data;
}

const BLUES = [[247, 247, 247], [146, 197, 222], [33, 102, 172]];
const REDS = [[247, 247, 247], [244, 165, 130], [178, 24, 43]];

function diverging(share) {
  const scheme = share < 0 ? BLUES : REDS;
  const place = Math.min(1, Math.abs(share)) * 2;
  const low = Math.min(Math.floor(place), 1);
  return scheme[low].map((value, index) => value + (place - low) * (scheme[low + 1][index] - value));
}
