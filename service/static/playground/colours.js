// The colours of classes, the same as in the service's plots (service/plots.py), which are safe for the colour-blind.

export const CLASS_COLOURS = [
  "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#332288", "#999933", "#882255", "#777777",
];
const ON_DARK = { "#332288": "#8C7AE6", "#882255": "#D0678F", "#0072B2": "#3E9BD8" };
const VIRIDIS = ["#440154", "#482878", "#3E4A89", "#31688E", "#26828E", "#1F9E89", "#35B779", "#6DCD59", "#B4DE2C"];

/** The colour of each class by number: ten that stay apart, or steps of one scheme where there are more. */
export function classColours(classes, isDark = false) {
  const number = Math.max(1, classes);
  if (number <= CLASS_COLOURS.length) {
    return CLASS_COLOURS.slice(0, number).map((colour) => (isDark && ON_DARK[colour]) || colour);
  }
  return Array.from({ length: number }, (_, index) => viridis(index / (number - 1)));
}

/** `#RRGGBB` -> [red, green, blue], 0 to 255. */
export function channels(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}

function viridis(share) {
  const place = share * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return blend(channels(VIRIDIS[low]), channels(VIRIDIS[low + 1]), place - low);
}

function blend(from, to, share) {
  const mixed = from.map((value, index) => Math.round(value + share * (to[index] - value)));
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
