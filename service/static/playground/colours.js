// The colours of classes, the same as in the service's plots (service/palette.py), which are safe for the colour-blind.

const LIGHT = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#332288", "#999933", "#882255", "#777777"];
const DARK = ["#3D95E6", "#F0AE2B", "#18B487", "#E59BC7", "#F26B21", "#93D6FF", "#9384F0", "#CFCB62", "#D0568C", "#AEB6BE"];
const VIRIDIS = ["#440154", "#482878", "#3E4A89", "#31688E", "#26828E", "#1F9E89", "#35B779", "#6DCD59", "#B4DE2C"];

/** The colour of each class: ten that stay apart, or steps of one scheme where there are more. */
export function classColours(classes, isDark = false) {
  const number = Math.max(1, classes);
  if (number <= LIGHT.length) return (isDark ? DARK : LIGHT).slice(0, number);
  return Array.from({ length: number }, (_, index) => viridis(index / (number - 1)));
}

export function channels(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}

function viridis(share) {
  const place = share * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const [from, to] = [channels(VIRIDIS[low]), channels(VIRIDIS[low + 1])];
  const mixed = from.map((value, index) => Math.round(value + (place - low) * (to[index] - value)));
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
