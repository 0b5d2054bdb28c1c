// Ink on paper, prepared as a data set's images were: cropped, scaled into a box and centred by its mass.
//
// MNIST's digits were fitted into 20 x 20 pixels with their proportions kept, and laid into 28 x 28 pixels so that their centre of mass
// is in the middle (LeCun et al. 1998). Box and middle are measured on the sample, so that models of other sizes get theirs.

const FAINT = 0.02; // less than this is no ink
const ROWS = 150; // of the sample, to measure it by
const EVEN = 0.12; // how far the usual value at the border of an image may be from black or white

/** How the images of a grey sample are made -> { paper, box, middle, isInk }; null for colours, which no pen makes. */
export function findStyle(sample) {
  if (sample.image.channels !== 1) return null;
  const step = Math.max(1, Math.floor(sample.count / ROWS));
  const tiles = Array.from({ length: Math.min(sample.count, ROWS) }, (_, place) => sample.tile(place * step));
  const border = median(tiles.flatMap((tile) => [...borderOf(tile)]));
  const paper = border > 0.5 ? 1 : 0;
  const inks = tiles.map((tile) => ({ ...tile, values: tile.values.map((value) => Math.abs(value - paper)) }));
  const sides = inks.map(findInk).filter(Boolean).map(({ width, height }) => Math.max(width, height));
  const centres = inks.map(findCentre).filter(Boolean);
  const { scale } = sample.sheet;
  return {
    paper, // the value of bare paper, 0 or 1
    box: Math.max(1, Math.round(median(sides) / scale) || 1), // the longer side of what is drawn, in pixels
    middle: [0, 1].map((axis) => mean(centres.map((centre) => centre[axis])) / scale), // where its mass lies, in pixels
    isInk: Math.abs(border - paper) < EVEN, // whether these are things on even paper at all
  };
}

/** An image of ink, as large as it was drawn -> one as the model's are. */
export function centre(plane, style, { width, height }) {
  const values = new Float32Array(width * height).fill(style.paper);
  const image = { width, height, channels: 1, values };
  const found = findInk(plane);
  if (found === null) return image;
  const box = { width: Math.min(style.box, width), height: Math.min(style.box, height) };
  const step = Math.max(found.width / box.width, found.height / box.height);
  const fitted = fit(plane, found, step, box);
  const mass = findCentre(fitted) ?? [0, 0];
  const left = within(Math.round(style.middle[0] - mass[0]), width - fitted.width);
  const top = within(Math.round(style.middle[1] - mass[1]), height - fitted.height);
  fitted.values.forEach((ink, index) => {
    const place = (top + Math.floor(index / fitted.width)) * width + left + (index % fitted.width);
    values[place] = Math.abs(style.paper - ink);
  });
  return image;
}

/** Each pixel is the average of the area that it covers. */
export function resize(image, { width, height }) {
  const across = spans(0, image.width / width, width, image.width);
  const down = spans(0, image.height / height, height, image.height);
  return average(image, across, down);
}

/** A grey photograph or scan of something on even paper, light or dark -> its ink. */
export function readInk(image) {
  const paper = median(borderOf(image));
  const [low, high] = image.values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [1, 0]);
  const span = high - paper > paper - low ? high - paper : low - paper;
  // Shades of the paper are left behind.
  const values = image.values.map((value) => (span === 0 ? 0 : within(((value - paper) / span - 0.2) / 0.6, 1)));
  return { ...image, values };
}

/** The smallest box that holds all ink, or null where there is none. */
function findInk({ width, height, values }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  values.forEach((value, index) => {
    if (value < FAINT) return;
    const [x, y] = [index % width, Math.floor(index / width)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), y];
  });
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function findCentre({ width, values }) {
  let [sum, across, down] = [0, 0, 0];
  values.forEach((value, index) => {
    sum += value;
    across += value * (index % width);
    down += value * Math.floor(index / width);
  });
  return sum > 0 ? [across / sum, down / sum] : null;
}

/** What was found, scaled by `step`; its shorter side in the middle of whole pixels. */
function fit(plane, { left, top, width, height }, step, box) {
  const wide = Math.min(box.width, Math.ceil(width / step - 1e-6));
  const high = Math.min(box.height, Math.ceil(height / step - 1e-6));
  const across = spans(left - (wide * step - width) / 2, step, wide, plane.width);
  const down = spans(top - (high * step - height) / 2, step, high, plane.height);
  return average(plane, across, down);
}

/** For each of `number` pixels from `start` on: [[pixel of the source, its share], ...]. */
function spans(start, step, number, size) {
  return Array.from({ length: number }, (_, place) => {
    const [from, to] = [start + place * step, start + (place + 1) * step];
    const shares = [];
    for (let pixel = Math.max(0, Math.floor(from)); pixel < Math.min(size, to); pixel++) {
      shares.push([pixel, (Math.min(to, pixel + 1) - Math.max(from, pixel)) / step]);
    }
    return shares;
  });
}

function average({ width, channels, values }, across, down) {
  const result = new Float32Array(across.length * down.length * channels);
  let at = 0;
  for (const rows of down) {
    for (const columns of across) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (const [y, high] of rows) for (const [x, wide] of columns) sum += high * wide * values[(y * width + x) * channels + channel];
        result[at++] = Math.min(1, sum);
      }
    }
  }
  return { width: across.length, height: down.length, channels, values: result };
}

function borderOf({ width, height, values }) {
  return values.filter((_, index) => index % width === 0 || index % width === width - 1 || index < width || index >= width * (height - 1));
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
const median = (values) => [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0;
const within = (value, most) => Math.max(0, Math.min(most, value));
