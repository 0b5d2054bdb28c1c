// The maps as files: a table and a picture.

import { element } from "./dom.js";

export function toCsv(sample, maps) {
  const label = sample.labels ? ["label"] : [];
  const head = ["row", "test_image", ...label, "image_x", "image_y", "latent_x", "latent_y", "mse", "percentile"];
  const lines = sample.rows.map((row) => [
    row, sample.testIndices[row], ...label.map(() => cell(sample.label(row))),
    ...[maps.image, maps.latent].flatMap((map) => [map[2 * row], map[2 * row + 1]]), sample.mse[row], sample.percentile[row],
  ]);
  return [head, ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

/** Text that neither ends its cell nor is taken for a formula, as the service writes it (OWASP, CSV injection). */
function cell(text) {
  const plain = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** Plots side by side and a legend, [[name, colour], ...] -> a PNG file. */
export function toPng(plots, legend, { ink, paper }) {
  const pictures = plots.map((plot) => plot.picture());
  const [{ width, height }] = pictures;
  const unit = width / 400;
  const [gap, head, line] = [16 * unit, 44 * unit, 26 * unit];
  const whole = plots.length * (width + gap) + gap;
  const column = (34 + 8 * Math.max(...legend.map(([name]) => name.length))) * unit; // of the legend
  const columns = Math.max(1, Math.floor((whole - 2 * gap) / column));
  const lines = Math.ceil(legend.length / columns);
  const canvas = element("canvas", { width: Math.round(whole), height: Math.round(head + height + gap + lines * line + (lines && gap)) });
  const context = canvas.getContext("2d");
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  Object.assign(context, { fillStyle: ink, textBaseline: "middle", font: `600 ${15 * unit}px system-ui, sans-serif` });
  plots.forEach(({ title }, at) => {
    const left = gap + at * (width + gap);
    context.fillText(title, left, head / 2);
    context.drawImage(pictures[at], left, head);
  });
  context.font = `${13 * unit}px system-ui, sans-serif`;
  legend.forEach(([name, colour], at) => {
    const [left, top] = [gap + (at % columns) * column, head + height + gap + (Math.floor(at / columns) + 0.5) * line];
    context.fillStyle = colour;
    context.fillRect(left, top - 5 * unit, 10 * unit, 10 * unit);
    context.fillStyle = ink;
    context.fillText(name, left + 16 * unit, top);
  });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
