// What is drawn over the dots of a map: rings, pins, the image being looked at, the line of the lasso.

/** A function of a canvas' context and the colours { back, ink, accent }, with the marks as functions of pixels. */
export function createMarks(context, { back, ink, accent }) {
  const stroke = (width, colour) => {
    Object.assign(context, { lineWidth: width + 3, strokeStyle: back });
    context.stroke();
    Object.assign(context, { lineWidth: width, strokeStyle: colour });
    context.stroke();
  };
  const fillWith = (colour) => {
    context.fillStyle = colour;
    context.fill();
  };
  const circle = ([left, top], radius) => {
    context.beginPath();
    context.arc(left, top, radius, 0, 2 * Math.PI);
  };
  const path = (pixels) => {
    context.beginPath();
    for (const pixel of pixels) context.lineTo(...pixel);
    context.closePath();
  };
  const ring = (pixel, radius) => {
    circle(pixel, radius);
    stroke(2.5, ink);
  };
  return {
    ring,
    pin([left, top], radius, number) {
      ring([left, top], radius);
      circle([left + 11, top - 11], 8.5);
      stroke(0, back);
      fillWith(ink);
      Object.assign(context, { fillStyle: back, font: "600 11px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
      context.fillText(String(number), left + 11, top - 10.5);
    },
    diamond([left, top]) {
      path([[left, top - 10], [left + 10, top], [left, top + 10], [left - 10, top]]);
      stroke(2.5, accent);
      fillWith(back);
      circle([left, top], 3);
      fillWith(accent);
    },
    line(pixels) {
      path(pixels);
      fillWith(`${accent}22`);
      context.setLineDash([6, 4]);
      stroke(2, accent);
      context.setLineDash([]);
    },
  };
}
