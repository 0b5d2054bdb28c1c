// The plane of the two main components of the latents, and how far from data a place is.

/**
 * The plane through the mean along which the latents, count * dim, vary most: PCA.
 *
 * { mean, axes: [first, second], shares: of the variance, places: Float32Array(count * 2) }. Latents of one number have
 * only one direction: the second axis is then zero.
 */
export function findPlane(latents, dim) {
  const mean = meanOf(latents, dim);
  const covariance = covarianceOf(latents, dim, mean);
  const first = mainDirection(covariance, dim, new Float64Array(dim));
  const axes = [first, mainDirection(covariance, dim, first)];
  const total = covariance.reduce((sum, value, at) => (at % (dim + 1) === 0 ? sum + value : sum), 0);
  const shares = axes.map((axis) => dot(axis, times(covariance, axis)) / (total || 1));
  const places = new Float32Array((2 * latents.length) / dim);
  for (let row = 0; 2 * row < places.length; row++) places.set(project({ mean, axes }, latents.subarray(row * dim, (row + 1) * dim)), 2 * row);
  return { mean, axes, shares, places };
}

export function project({ mean, axes }, latent) {
  return axes.map((axis) => axis.reduce((sum, value, at) => sum + value * (latent[at] - mean[at]), 0));
}

/** The latent moved along the plane to [x, y]; what it is apart from the plane stays. */
export function moveTo(plane, latent, [x, y]) {
  const [nowX, nowY] = project(plane, latent);
  const [first, second] = plane.axes;
  return latent.map((value, at) => value + (x - nowX) * first[at] + (y - nowY) * second[at]);
}

/**
 * How far the places of a grid over the plane, moved there from `latent`, are from the nearest of all latents, row by row
 * from the top: Float32Array(columns * rows). The box is { left, top, width, height }, with y upwards.
 */
export function measureGrid(plane, latents, latent, box, columns, rows) {
  const apart = squaresApart(plane, latents, latent);
  const { places } = plane;
  return Float32Array.from({ length: columns * rows }, (_, cell) => {
    const x = box.left + ((cell % columns) + 0.5) * (box.width / columns);
    const y = box.top - (Math.floor(cell / columns) + 0.5) * (box.height / rows);
    let least = Infinity;
    for (let row = 0; row < apart.length; row++) {
      const dx = places[2 * row] - x;
      const dy = places[2 * row + 1] - y;
      const square = apart[row] + dx * dx + dy * dy;
      if (square < least) least = square;
    }
    return Math.sqrt(least);
  });
}

/** The distance to the next image that 99 of 100 images of the sample stay within; measured on some of a large sample. */
export function usualDistance(sample, most = 300) {
  const step = Math.ceil(sample.count / most);
  const rows = sample.rows.filter((row) => row % step === 0);
  const distances = rows.flatMap((row) => sample.neighbours("latent", row, 1).map(({ distance }) => distance));
  return quantile(Float32Array.from(distances).sort(), 0.99);
}

/** The range of each component; from 5 to 95 % lie between low and high. */
export function findRanges(latents, dim) {
  return Array.from({ length: dim }, (_, index) => {
    const column = Float32Array.from({ length: latents.length / dim }, (_, row) => latents[row * dim + index]).sort();
    const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
    const deviation = Math.sqrt(column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length);
    return { index, low: quantile(column, 0.05), high: quantile(column, 0.95), least: column[0], most: column.at(-1), deviation };
  });
}

const quantile = (sorted, share) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;

/** The squared distances to all latents, less what of them lies along the plane. */
function squaresApart({ places, ...plane }, latents, latent) {
  const dim = latent.length;
  const [x, y] = project(plane, latent);
  return Float32Array.from({ length: latents.length / dim }, (_, row) => {
    let square = -((places[2 * row] - x) ** 2) - (places[2 * row + 1] - y) ** 2;
    for (let at = 0; at < dim; at++) square += (latents[row * dim + at] - latent[at]) ** 2;
    return Math.max(0, square);
  });
}

function meanOf(latents, dim) {
  const mean = new Float64Array(dim);
  for (let at = 0; at < latents.length; at++) mean[at % dim] += latents[at];
  return mean.map((sum) => (sum * dim) / latents.length);
}

function covarianceOf(latents, dim, mean) {
  const sums = new Float64Array(dim * dim);
  for (let start = 0; start < latents.length; start += dim) {
    const centred = mean.map((value, at) => latents[start + at] - value);
    for (let one = 0; one < dim; one++) {
      for (let other = 0; other < dim; other++) sums[one * dim + other] += centred[one] * centred[other];
    }
  }
  return sums.map((sum) => (sum * dim) / latents.length);
}

/** The main eigenvector at right angles to `other`, by power iteration; zero where there is none. */
function mainDirection(matrix, dim, other) {
  const next = (vector) => {
    const along = dot(vector, other);
    const apart = vector.map((value, at) => value - along * other[at]);
    const length = Math.sqrt(dot(apart, apart)) || 1;
    return apart.map((value) => value / length);
  };
  let axis = next(Float64Array.from({ length: dim }, (_, at) => 1 + 0.5 * Math.sin(7 * at + 1)));
  for (let round = 0; round < 200; round++) axis = next(times(matrix, axis));
  return axis;
}

const times = (matrix, vector) =>
  vector.map((_, row) => vector.reduce((sum, value, at) => sum + matrix[row * vector.length + at] * value, 0));

const dot = (one, other) => one.reduce((sum, value, at) => sum + value * other[at], 0);
