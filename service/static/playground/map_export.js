// The maps as files: a table of all points, and a picture of what is seen.

/** One line a point; `maps` are { image, latent }, flat coordinates. */
export function toCsv(sample, maps) {
  const hasLabels = sample.labels !== null;
  const head = ["row", "test_image", ...(hasLabels ? ["label"] : []), "image_x", "image_y", "latent_x", "latent_y", "mse", "percentile"];
  const line = (row) => [
    row, sample.testIndices[row], ...(hasLabels ? [cell(sample.label(row))] : []),
    ...[maps.image, maps.latent].flatMap((map) => [map[2 * row], map[2 * row + 1]]), sample.mse[row], sample.percentile[row],
  ].join(",");
  return [head.join(","), ...Array.from({ length: sample.count }, (_, row) => line(row))].join("\r\n") + "\r\n";
}

/** Text that neither ends its cell nor is taken for a formula, as the service writes it (OWASP, CSV injection). */
function cell(text) {
  const plain = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** Plots side by side with their titles and a legend -> a PNG file. `legend` is [[name, colour], ...]. */
export function toPng(plots, legend, { ink, paper }) {
  const [first] = plots.map((plot) => plot.picture());
  const unit = first.width / 400;
  const [gap, head, line] = [16 * unit, 44 * unit, 26 * unit];
  const canvas = document.createElement("canvas");
  canvas.width = plots.length * (first.width + gap) + gap;
  const places = flow(legend, canvas.width - 2 * gap, unit);
  canvas.height = head + first.height + gap + (places.length > 0 ? (places.at(-1).line + 1) * line + gap : 0);
  const context = canvas.getContext("2d");
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  Object.assign(context, { fillStyle: ink, textBaseline: "middle", font: `600 ${15 * unit}px system-ui, sans-serif` });
  plots.forEach((plot, at) => {
    const left = gap + at * (first.width + gap);
    context.fillText(plot.title, left, head / 2);
    context.drawImage(plot.picture(), left, head);
  });
  context.font = `${13 * unit}px system-ui, sans-serif`;
  for (const { name, colour, left, line: number } of places) {
    const top = head + first.height + gap + (number + 0.5) * line;
    context.fillStyle = colour;
    context.fillRect(gap + left, top - 5 * unit, 10 * unit, 10 * unit);
    context.fillStyle = ink;
    context.fillText(name, gap + left + 16 * unit, top);
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Legend entries in lines that fit. */
function flow(legend, width, unit) {
  let [left, line] = [0, 0];
  return legend.map(([name, colour]) => {
    const long = (34 + 8 * name.length) * unit;
    if (left > 0 && left + long > width) [left, line] = [0, line + 1];
    const entry = { name, colour, left, line };
    left += long;
    return entry;
  });
}

/** Let the browser save a file. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
