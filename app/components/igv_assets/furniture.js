// What stands around the tracks: the left column with names and axis numbers, and the ruler. Canvas calls only.

import { HEAT_ROWS, heatBox, line, setFont, toX, toY } from "./painters.js";

function wrapped(context, text, width, maximumLines) {
  const lines = [];
  let rest = text;
  while (rest && lines.length < maximumLines) {
    let cut = rest.length;
    while (cut > 1 && context.measureText(rest.slice(0, cut)).width > width) cut--;
    const space = rest.lastIndexOf(" ", cut);
    if (cut < rest.length && space > 0) cut = space;
    lines.push(rest.slice(0, cut).trim());
    rest = rest.slice(cut).trim();
  }
  if (rest && lines.length) {
    let last = lines[lines.length - 1];
    while (last.length > 1 && context.measureText(`${last}\u2026`).width > width) last = last.slice(0, -1);
    lines[lines.length - 1] = `${last.trim()}\u2026`;
  }
  return lines;
}

const tidy = (value) => {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e5 || size < 1e-3) return value.toExponential(0);
  const text = size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
};

function paintNumbers(context, track, width, height, theme) {
  const y = toY(track, height);
  setFont(context, theme, 10);
  context.fillStyle = theme.muted;
  context.textAlign = "right";
  const values = [track.maximum, track.minimum];
  if (track.minimum < 0 && track.maximum > 0) values.push(0);
  const used = [];
  for (const value of values) {
    const at = y(value);
    if (used.some((other) => Math.abs(other - at) < 12)) continue;
    used.push(at);
    context.fillText(tidy(value).replace("-", "\u2212"), width - 10, Math.min(height - 1, Math.max(9, at + 3.5)));
    line(context, width - 6, Math.round(at) + 0.5, width - 2, Math.round(at) + 0.5, theme.tick);
  }
}

/** The names of the rows of a map. */
function paintRowNames(context, width, height, theme) {
  setFont(context, theme, 9.5);
  context.fillStyle = theme.muted;
  context.textAlign = "right";
  [...HEAT_ROWS].forEach((base, row) => {
    const [top, tall] = heatBox(row, height);
    context.fillText(base, width - 5, top + tall / 2 + 3.4);
  });
}

export function paintLabels(context, track, width, height, theme) {
  const numeric = track.kind === "signal" || track.kind === "letters";
  const heat = track.kind === "heat";
  const room = width - (numeric ? 46 : heat ? 24 : 14);
  context.fillStyle = theme.background;
  context.fillRect(0, 0, width, height);
  context.textAlign = "left";
  const lineHeights = { name: 14, note: 13 };
  setFont(context, theme, 12, "bold");
  const names = wrapped(context, track.name, room, height >= 48 ? 2 : 1);
  setFont(context, theme, 10.5);
  const roomForNotes = Math.floor((height - 4 - names.length * lineHeights.name) / lineHeights.note);
  const notes = wrapped(context, track.note || "", room, Math.max(0, Math.min(2, roomForNotes)));
  const total = names.length * lineHeights.name + notes.length * lineHeights.note;
  let y = height < 44 ? (height - total) / 2 + 11 : 17;
  setFont(context, theme, 12, "bold");
  context.fillStyle = theme.text;
  for (const text of names) {
    context.fillText(text, 2, y);
    y += lineHeights.name;
  }
  setFont(context, theme, 10.5);
  context.fillStyle = theme.muted;
  for (const text of notes) {
    context.fillText(text, 2, y);
    y += lineHeights.note;
  }
  if (numeric) paintNumbers(context, track, width, height, theme);
  if (heat) paintRowNames(context, width, height, theme);
}

// ---- the ruler --------------------------------------------------------------------------------------------------

export function paintRuler(context, view, theme) {
  const wanted = 120 * view.scale;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, wanted)));
  const step = Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= wanted));
  context.fillStyle = theme.background;
  context.fillRect(0, 0, view.width, view.height);
  setFont(context, theme, 10.5);
  context.textAlign = "center";
  const last = view.start + view.width * view.scale;
  for (let shown = Math.ceil(Math.max(1, view.start + 1) / step) * step; shown - 1 < last; shown += step) {
    const x = toX(view, shown - 0.5); // 1-based number over the middle of its base
    line(context, Math.round(x) + 0.5, view.height - 7, Math.round(x) + 0.5, view.height - 2, theme.tick);
    const text = shown.toLocaleString("en-US");
    const half = context.measureText(text).width / 2;
    const inside = x >= view.seen[0] && x <= view.seen[1];
    if (!inside && x + half > view.seen[0] && x - half < view.seen[1]) continue; // would be cut at the edge
    const at = inside ? Math.max(view.seen[0] + half, Math.min(view.seen[1] - half, x)) : x;
    context.fillStyle = theme.muted;
    context.fillText(text, at, view.height - 12);
  }
}
