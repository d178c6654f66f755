// Outlines of the four bases and N in a unit square (0,0 top left, 1,1 bottom right). Holes run the other way round,
// so that they stay open on screen (canvas) and in the exported SVG alike, on any background.

const OUTLINES = {
  A: [
    ["M", 0.0, 1.0], ["L", 0.37, 0.0], ["L", 0.63, 0.0], ["L", 1.0, 1.0], ["L", 0.775, 1.0],
    ["L", 0.7, 0.775], ["L", 0.3, 0.775], ["L", 0.225, 1.0], ["Z"],
    ["M", 0.365, 0.58], ["L", 0.635, 0.58], ["L", 0.5, 0.175], ["Z"],
  ],
  C: [
    ["M", 0.99, 0.335], ["L", 0.77, 0.375],
    ["C", 0.745, 0.235, 0.655, 0.165, 0.53, 0.165], ["C", 0.34, 0.165, 0.235, 0.29, 0.235, 0.5],
    ["C", 0.235, 0.71, 0.34, 0.835, 0.53, 0.835], ["C", 0.66, 0.835, 0.75, 0.765, 0.78, 0.61],
    ["L", 1.0, 0.66], ["C", 0.95, 0.88, 0.79, 1.0, 0.535, 1.0],
    ["C", 0.21, 1.0, 0.0, 0.81, 0.0, 0.5], ["C", 0.0, 0.19, 0.21, 0.0, 0.535, 0.0],
    ["C", 0.785, 0.0, 0.94, 0.115, 0.99, 0.335], ["Z"],
  ],
  G: [
    ["M", 0.535, 0.635], ["L", 0.535, 0.465], ["L", 1.0, 0.465], ["L", 1.0, 0.84],
    ["C", 0.89, 0.94, 0.72, 1.0, 0.54, 1.0], ["C", 0.21, 1.0, 0.0, 0.81, 0.0, 0.5],
    ["C", 0.0, 0.19, 0.21, 0.0, 0.54, 0.0], ["C", 0.79, 0.0, 0.94, 0.1, 0.985, 0.295],
    ["L", 0.765, 0.335], ["C", 0.735, 0.225, 0.655, 0.165, 0.535, 0.165],
    ["C", 0.345, 0.165, 0.235, 0.29, 0.235, 0.5], ["C", 0.235, 0.71, 0.345, 0.835, 0.545, 0.835],
    ["C", 0.635, 0.835, 0.715, 0.81, 0.775, 0.765], ["L", 0.775, 0.635], ["Z"],
  ],
  T: [
    ["M", 0.0, 0.0], ["L", 1.0, 0.0], ["L", 1.0, 0.17], ["L", 0.615, 0.17], ["L", 0.615, 1.0],
    ["L", 0.385, 1.0], ["L", 0.385, 0.17], ["L", 0.0, 0.17], ["Z"],
  ],
  N: [
    ["M", 0.0, 1.0], ["L", 0.0, 0.0], ["L", 0.22, 0.0], ["L", 0.79, 0.67], ["L", 0.79, 0.0], ["L", 1.0, 0.0],
    ["L", 1.0, 1.0], ["L", 0.78, 1.0], ["L", 0.21, 0.33], ["L", 0.21, 1.0], ["Z"],
  ],
};

/** Fills one letter into the box (x, y, width, height), all in pixels; unknown letters are drawn as N. */
export function fillLetter(context, letter, x, y, width, height) {
  const inset = Math.min(0.6, width * 0.05);
  const [left, across] = [x + inset, width - 2 * inset];
  context.beginPath();
  for (const [command, ...p] of OUTLINES[letter] || OUTLINES.N) {
    if (command === "M") context.moveTo(left + p[0] * across, y + p[1] * height);
    else if (command === "L") context.lineTo(left + p[0] * across, y + p[1] * height);
    else if (command === "Z") context.closePath();
    else
      context.bezierCurveTo(
        left + p[0] * across, y + p[1] * height,
        left + p[2] * across, y + p[3] * height,
        left + p[4] * across, y + p[5] * height,
      );
  }
  context.fill();
}
