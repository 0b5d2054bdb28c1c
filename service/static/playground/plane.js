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
  const first = mainDirection(covariance, dim, null);
  const second = dim > 1 ? mainDirection(covariance, dim, first) : new Float64Array(dim);
  let total = 0;
  for (let at = 0; at < dim; at++) total += covariance[at * dim + at];
  const shares = [first, second].map((axis) => (total > 0 ? dot(axis, times(covariance, axis)) / total : 0));
  const plane = { mean, axes: [first, second], shares };
  const count = latents.length / dim;
  const places = new Float32Array(count * 2);
  for (let row = 0; row < count; row++) places.set(project(plane, latents.subarray(row * dim, (row + 1) * dim)), 2 * row);
  return { ...plane, places };
}

/** Where a latent lies on the plane: [x, y]. */
export function project({ mean, axes }, latent) {
  return axes.map((axis) => {
    let sum = 0;
    for (let at = 0; at < latent.length; at++) sum += (latent[at] - mean[at]) * axis[at];
    return sum;
  });
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
  const distances = new Float32Array(columns * rows);
  for (let cell = 0; cell < distances.length; cell++) {
    const x = box.left + ((cell % columns) + 0.5) * (box.width / columns);
    const y = box.top - (Math.floor(cell / columns) + 0.5) * (box.height / rows);
    let least = Infinity;
    for (let row = 0; row < apart.length; row++) {
      const dx = places[2 * row] - x;
      const dy = places[2 * row + 1] - y;
      const square = apart[row] + dx * dx + dy * dy;
      if (square < least) least = square;
    }
    distances[cell] = Math.sqrt(least);
  }
  return distances;
}

/** The distance to the next image that 99 of 100 images of the sample stay within; measured on some of a large sample. */
export function usualDistance(sample, most = 300) {
  const step = Math.max(1, sample.count / most);
  const distances = [];
  for (let row = 0; row < sample.count; row += step) {
    distances.push(...sample.neighbours("latent", Math.floor(row), 1).map(({ distance }) => distance));
  }
  return quantile(Float32Array.from(distances).sort(), 0.99);
}

/** The range of each component of the latents: [{ index, low, high, least, most, deviation }], 5 to 95 % between low and high. */
export function findRanges(latents, dim) {
  const count = latents.length / dim;
  return Array.from({ length: dim }, (_, index) => {
    const column = new Float32Array(count);
    for (let row = 0; row < count; row++) column[row] = latents[row * dim + index];
    const deviation = deviationOf(column);
    column.sort();
    return { index, low: quantile(column, 0.05), high: quantile(column, 0.95), least: column[0], most: column[count - 1], deviation };
  });
}

function deviationOf(values) {
  let [sum, squares] = [0, 0];
  for (const value of values) sum += value;
  const mean = sum / values.length;
  for (const value of values) squares += (value - mean) * (value - mean);
  return Math.sqrt(squares / values.length);
}

function quantile(sorted, share) {
  return sorted.length ? sorted[Math.round(share * (sorted.length - 1))] : 0;
}

/** The squared distances to all latents, less what of them lies along the plane. */
function squaresApart(plane, latents, latent) {
  const dim = latent.length;
  const [x, y] = project(plane, latent);
  const apart = new Float32Array(latents.length / dim);
  for (let row = 0; row < apart.length; row++) {
    const dx = plane.places[2 * row] - x;
    const dy = plane.places[2 * row + 1] - y;
    let square = -dx * dx - dy * dy;
    for (let at = 0; at < dim; at++) {
      const difference = latents[row * dim + at] - latent[at];
      square += difference * difference;
    }
    apart[row] = Math.max(0, square);
  }
  return apart;
}

function meanOf(latents, dim) {
  const mean = new Float64Array(dim);
  for (let at = 0; at < latents.length; at++) mean[at % dim] += latents[at];
  return mean.map((sum) => (sum * dim) / latents.length);
}

function covarianceOf(latents, dim, mean) {
  const sums = new Float64Array(dim * dim);
  const centred = new Float64Array(dim);
  for (let start = 0; start < latents.length; start += dim) {
    for (let at = 0; at < dim; at++) centred[at] = latents[start + at] - mean[at];
    for (let one = 0; one < dim; one++) {
      for (let other = 0; other <= one; other++) sums[one * dim + other] += centred[one] * centred[other];
    }
  }
  for (let one = 0; one < dim; one++) {
    for (let other = 0; other < one; other++) sums[other * dim + one] = sums[one * dim + other];
  }
  return sums.map((sum) => (sum * dim) / latents.length);
}

/** The main eigenvector, at right angles to another, by power iteration from the same start each time. */
function mainDirection(matrix, dim, other, iterations = 200) {
  let axis = unit(apartFrom(Float64Array.from({ length: dim }, (_, at) => 1 + 0.5 * Math.sin(7 * at + 1)), other));
  for (let round = 0; round < iterations; round++) {
    const next = unit(apartFrom(times(matrix, axis), other));
    const isSettled = 1 - dot(axis, next) < 1e-12;
    axis = next;
    if (isSettled) break;
  }
  const largest = axis.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return largest < 0 ? axis.map((value) => -value) : axis;
}

function apartFrom(vector, other) {
  if (other === null) return vector;
  const along = dot(vector, other);
  return vector.map((value, at) => value - along * other[at]);
}

function times(matrix, vector) {
  const dim = vector.length;
  return vector.map((_, row) => {
    let sum = 0;
    for (let at = 0; at < dim; at++) sum += matrix[row * dim + at] * vector[at];
    return sum;
  });
}

const dot = (one, other) => one.reduce((sum, value, at) => sum + value * other[at], 0);

function unit(vector) {
  const length = Math.sqrt(dot(vector, vector));
  return length > 0 ? vector.map((value) => value / length) : vector;
}
