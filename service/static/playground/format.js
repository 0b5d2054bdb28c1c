// Numbers as people read them.

const WHOLE = new Intl.NumberFormat("en");

export const count = (value) => WHOLE.format(value);

/** Three significant digits, without an exponent where that stays short. */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1000 && size < 1e7)) return count(Math.round(value));
  return size < 1e-4 || size >= 1e7 ? value.toExponential(2) : value.toPrecision(3);
}

/** A share in [0, 1] as a percentage with so many decimals. */
export function percent(share, digits = 1) {
  return share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)}\u00A0%`;
}

export function plural(number, noun) {
  return `${count(number)} ${number === 1 ? noun : `${noun}s`}`;
}
