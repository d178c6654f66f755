// What each kind of track looks like. Every painter draws with canvas calls only, because igv.js replays them into an
// SVG for export. `view` maps bases to pixels: {start (bp, 0-based), scale (bp per pixel), width, height,
// seen: [left, right] pixels on screen}. Text is drawn, never parsed: no name can become markup.

import { fillLetter } from "./glyphs.js";
import { faded } from "./theme.js";

const TOP = 6; // free pixels above and below values, so that peaks do not touch their neighbours
const BOTTOM = 4;
const LETTER_PIXELS = 3; // narrower than this, a letter is a bar of its colour

export const toX = (view, position) => (position - view.start) / view.scale;
export const setFont = (context, theme, size, weight = "normal") => {
  context.font = `${weight} ${size}px ${theme.font}`;
};

/** The value at a height: a function from value to y pixel. */
export function toY(track, height) {
  const [low, high] = [track.minimum, track.maximum];
  const span = high - low || 1;
  return (value) => TOP + ((high - Math.max(low, Math.min(high, value))) / span) * (height - TOP - BOTTOM);
}

export function line(context, x1, y1, x2, y2, colour, width = 1) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function baseline(context, track, view, theme, y) {
  if (track.minimum <= 0 && track.maximum >= 0) {
    const zero = Math.round(y(0)) + 0.5;
    line(context, 0, zero, view.width, zero, theme.line);
  }
}

/** Faint paint where there is no data yet, and behind marked (edited) bases. */
export function paintGround(context, view, window_, marks, theme) {
  const fill = (from, to, colour) => {
    const [left, right] = [Math.max(0, toX(view, from)), Math.min(view.width, toX(view, to))];
    if (right > left) {
      context.fillStyle = colour;
      context.fillRect(left, 0, right - left, view.height);
    }
  };
  if (window_) {
    fill(-1e12, window_.start, theme.unknown);
    fill(window_.end, 1e12, theme.unknown);
  }
  for (const mark of marks) fill(mark.start, Math.max(mark.end, mark.start + 0.12), theme.mark);
}

// ---- signal: values per bin, as a line, filled line or bars, with an optional band (spread) -----------------------

function binEdges(track, index) {
  if (track.starts) return [track.starts[index], track.ends[index]];
  const start = track.start + index * track.step;
  return [start, start + track.step];
}

/** First and one past the last bin that touches the drawn stretch. */
function drawnBins(track, view) {
  const n = track.values.length;
  const [from, to] = [view.start, view.start + view.width * view.scale];
  if (!track.starts) {
    const first = Math.floor((from - track.start) / track.step) - 1;
    const last = Math.ceil((to - track.start) / track.step) + 1;
    return [Math.max(0, Math.min(n, first)), Math.max(0, Math.min(n, last))];
  }
  let [first, last] = [0, n];
  while (first < n && track.ends[first] <= from) first++;
  while (last > first && track.starts[last - 1] >= to) last--;
  return [first, last];
}

function paintBars(context, track, view, theme, y) {
  const zero = y(Math.max(track.minimum, Math.min(track.maximum, 0)));
  const [first, last] = drawnBins(track, view);
  context.fillStyle = track.color || theme.signal;
  for (let i = first; i < last; i++) {
    if (track.values[i] === null) continue;
    const [start, end] = binEdges(track, i);
    const [left, right] = [toX(view, start), toX(view, end)];
    const width = Math.max(0.7, right - left - (right - left > 4 ? 1 : 0));
    const top = y(track.values[i]);
    context.fillRect(left, Math.min(top, zero), width, Math.max(0.5, Math.abs(zero - top)));
  }
}

/** A bin that stands alone is drawn as wide as it is; neighbours are joined through their middles. */
function spreadOut(run, track, view) {
  if (run.length > 1) return run;
  const [[, i]] = run;
  return binEdges(track, i).map((edge) => [toX(view, edge), i]);
}

/** Unbroken runs of bins as lists of [x, index]; a missing value ends a run. */
function runs(track, view) {
  const [first, last] = drawnBins(track, view);
  const found = [];
  let run = [];
  for (let i = first; i < last; i++) {
    if (track.values[i] === null) {
      if (run.length) found.push(run);
      run = [];
    } else {
      const [start, end] = binEdges(track, i);
      run.push([toX(view, (start + end) / 2), i]);
    }
  }
  if (run.length) found.push(run);
  return found.map((points) => spreadOut(points, track, view));
}

function paintBand(context, track, run, y, colour) {
  context.fillStyle = faded(colour, 0.18);
  context.beginPath();
  run.forEach(([x, i], n) => (n ? context.lineTo(x, y(track.high[i])) : context.moveTo(x, y(track.high[i]))));
  for (const [x, i] of [...run].reverse()) context.lineTo(x, y(track.low[i]));
  context.closePath();
  context.fill();
}

function paintLine(context, track, view, theme, y) {
  const colour = track.color || theme.signal;
  for (const run of runs(track, view)) {
    if (track.low) paintBand(context, track, run, y, colour);
    if (track.style === "area") {
      const zero = y(Math.max(track.minimum, 0));
      context.fillStyle = faded(colour, 0.16);
      context.beginPath();
      context.moveTo(run[0][0], zero);
      for (const [x, i] of run) context.lineTo(x, y(track.values[i]));
      context.lineTo(run[run.length - 1][0], zero);
      context.closePath();
      context.fill();
    }
    context.strokeStyle = colour;
    context.lineWidth = 1.6;
    context.lineJoin = "round";
    context.beginPath();
    run.forEach(([x, i], n) => (n ? context.lineTo(x, y(track.values[i])) : context.moveTo(x, y(track.values[i]))));
    context.stroke();
  }
}

export function paintSignal(context, track, view, theme) {
  const y = toY(track, view.height);
  baseline(context, track, view, theme, y);
  if (track.style === "bar") paintBars(context, track, view, theme, y);
  else paintLine(context, track, view, theme, y);
}

// ---- letters: one contribution per base -------------------------------------------------------------------------

export function paintLetters(context, track, view, theme) {
  const y = toY(track, view.height);
  const zero = y(0);
  const letterWidth = 1 / view.scale;
  baseline(context, track, view, theme, y);
  const first = Math.max(0, Math.floor(view.start - track.start));
  const last = Math.min(track.values.length, Math.ceil(view.start + view.width * view.scale - track.start));
  for (let i = first; i < last; i++) {
    const value = track.values[i];
    if (!value) continue;
    const [x, edge] = [toX(view, track.start + i), y(value)];
    const [top, height] = [Math.min(edge, zero), Math.abs(zero - edge)];
    if (height < 0.4) continue;
    context.fillStyle = theme.letters[track.bases[i]] || theme.letters.N;
    if (letterWidth >= LETTER_PIXELS) fillLetter(context, track.bases[i], x, top, letterWidth, height);
    else context.fillRect(x, top, Math.max(0.6, letterWidth), height);
  }
}

// ---- heat: what each base would do at each place, four rows of colour; a dot is the base that stands there ---------

export const HEAT_ROWS = "ACGT";
const heatRow = (height) => (height - TOP - BOTTOM) / HEAT_ROWS.length;

/** The top of a row of the map, and its height, in pixels. */
export const heatBox = (row, height) => [TOP + row * heatRow(height), heatRow(height)];

/** The row of the map at a height in pixels; -1 beside it. */
export function heatRowAt(y, height) {
  const row = Math.floor((y - TOP) / heatRow(height));
  return row >= 0 && row < HEAT_ROWS.length ? row : -1;
}

/** A colour between that of no effect and that of the strongest, in steps that an eye can tell. */
function heatColour(theme, share) {
  const step = Math.round(Math.min(1, Math.abs(share)) * 24) / 24;
  const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [none, full] = [parts(theme.noEffect), parts(share > 0 ? theme.raises : theme.lowers)];
  return `rgb(${none.map((from, i) => Math.round(from + step * (full[i] - from))).join(",")})`;
}

export function paintHeat(context, track, view, theme) {
  const width = 1 / view.scale;
  const n = track.bases.length;
  const first = Math.max(0, Math.floor(view.start - track.start));
  const last = Math.min(n, Math.ceil(view.start + view.width * view.scale - track.start));
  const gap = width >= 5 ? 0.6 : 0;
  track.rows.forEach((values, row) => {
    const [top, height] = heatBox(row, view.height);
    for (let i = first; i < last; i++) {
      if (values[i] === null) continue;
      const x = toX(view, track.start + i);
      context.fillStyle = heatColour(theme, values[i] / track.full);
      context.fillRect(x, top, Math.max(0.6, width - gap), height - 0.6);
    }
  });
  if (width < 2.5) return; // dots would run together
  context.fillStyle = theme.text;
  for (let i = first; i < last; i++) {
    const row = HEAT_ROWS.indexOf(track.bases[i]);
    if (row < 0) continue;
    const [top, height] = heatBox(row, view.height);
    const size = Math.min(1.6, width / 4);
    context.beginPath();
    context.arc(toX(view, track.start + i + 0.5), top + height / 2, size, 0, 2 * Math.PI);
    context.fill();
  }
}

// ---- bases: the sequence itself ---------------------------------------------------------------------------------

export function paintBases(context, track, view, theme) {
  const letterWidth = 1 / view.scale;
  const first = Math.max(0, Math.floor(view.start - track.start));
  const last = Math.min(track.bases.length, Math.ceil(view.start + view.width * view.scale - track.start));
  const height = Math.min(11, view.height - 6);
  const top = (view.height - height) / 2;
  if (letterWidth < 0.8) {
    setFont(context, theme, 11);
    context.fillStyle = theme.muted;
    context.textAlign = "left";
    context.fillText("Zoom in to read the bases.", view.seen[0] + 4, view.height / 2 + 4);
    return;
  }
  const glyph = Math.min(letterWidth * 0.86, 9);
  for (let i = first; i < last; i++) {
    const x = toX(view, track.start + i);
    context.fillStyle = theme.letters[track.bases[i]] || theme.letters.N;
    if (letterWidth >= 6) fillLetter(context, track.bases[i], x + (letterWidth - glyph) / 2, top, glyph, height);
    else context.fillRect(x, top, Math.max(0.6, letterWidth - (letterWidth > 3 ? 0.6 : 0)), height);
  }
}

// ---- features: boxes with names, and genes ----------------------------------------------------------------------

/** Heights of one row of features, the same numbers as ROW_HEIGHT in igv_tracks.py. */
const ROW = { box: 20, gene: 30 };
const FEATURE_TOP = 6;

/** Writes a name (and its grey label when both fit) into `room` pixels; returns the width used, 0 when it does not fit. */
function paintName(context, feature, x, y, theme, room) {
  setFont(context, theme, 11);
  context.textAlign = "left";
  const name = clipped(context, feature.name, room);
  if (!name) return 0;
  context.fillStyle = theme.text;
  context.fillText(name, x, y);
  const width = context.measureText(name).width;
  const more = feature.label ? context.measureText(feature.label).width + 5 : 0;
  if (!more || name !== feature.name || width + more > room) return width;
  context.fillStyle = theme.muted;
  context.fillText(feature.label, x + width + 5, y);
  return width + more;
}

/** The text, shortened with an ellipsis where a useful part of it fits, or "". */
function clipped(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  if (room < 60) return "";
  let cut = Math.min(text.length, Math.ceil(room / 4));
  while (cut > 1 && context.measureText(`${text.slice(0, cut)}\u2026`).width > room) cut--;
  return `${text.slice(0, cut).trim()}\u2026`;
}

function paintBox(context, feature, view, theme, top, colour, free) {
  const [left, right] = [toX(view, feature.start), toX(view, feature.end)];
  const width = Math.max(1.5, right - left);
  context.fillStyle = colour;
  roundedBox(context, left, top + 3, width, 11);
  if (feature.strand) paintChevrons(context, feature.strand, left, left + width, top + 8.5, theme.onBox, 22, 8);
  if (!feature.name) return left + width;
  setFont(context, theme, 11);
  const [behind, before] = [free.right - (left + width + 10), left - 6 - free.left];
  const bare = Math.ceil(context.measureText(feature.name).width) + 1;
  const whole = bare + (feature.label ? Math.ceil(context.measureText(feature.label).width) + 5 : 0);
  const wanted = whole <= before ? whole : bare;
  if (whole > behind && wanted <= before && (wanted === whole || bare > behind)) {
    paintName(context, feature, left - 6 - wanted, top + 12.5, theme, wanted);
    return left + width;
  }
  return left + width + 6 + paintName(context, feature, left + width + 6, top + 12.5, theme, behind);
}

function roundedBox(context, x, y, width, height) {
  const r = Math.min(2.5, width / 2);
  context.beginPath();
  context.moveTo(x + r, y);
  context.lineTo(x + width - r, y);
  context.quadraticCurveTo(x + width, y, x + width, y + r);
  context.lineTo(x + width, y + height - r);
  context.quadraticCurveTo(x + width, y + height, x + width - r, y + height);
  context.lineTo(x + r, y + height);
  context.quadraticCurveTo(x, y + height, x, y + height - r);
  context.lineTo(x, y + r);
  context.quadraticCurveTo(x, y, x + r, y);
  context.closePath();
  context.fill();
}

function paintChevrons(context, strand, left, right, y, colour, spacing, margin) {
  const turn = strand === "-" ? -1 : 1;
  context.strokeStyle = colour;
  context.lineWidth = 1.1;
  for (let x = left + margin + 4; x < right - margin; x += spacing) {
    context.beginPath();
    context.moveTo(x - 2 * turn, y - 2.6);
    context.lineTo(x + 1.2 * turn, y);
    context.lineTo(x - 2 * turn, y + 2.6);
    context.stroke();
  }
}

function paintGene(context, feature, view, theme, top, colour, free) {
  const [left, right] = [toX(view, feature.start), toX(view, feature.end)];
  const from = Math.max(-20, left);
  const to = Math.min(view.width + 20, Math.max(right, left + 1.5));
  const middle = top + 21.5;
  line(context, from, middle, to, middle, colour, 1.2);
  if (feature.strand) paintChevrons(context, feature.strand, from, to, middle, faded(colour, 0.75), 26, 4);
  context.fillStyle = colour;
  for (const [start, end] of feature.exons || []) {
    const [exonLeft, exonRight] = [toX(view, start), toX(view, end)];
    if (exonRight >= 0 && exonLeft <= view.width)
      context.fillRect(exonLeft, middle - 4.5, Math.max(1.2, exonRight - exonLeft), 9);
  }
  if (!feature.name) return right;
  const name = `${feature.strand === "-" ? "\u2190 " : ""}${feature.name}${feature.strand === "+" ? " \u2192" : ""}`;
  const labelLeft = left < view.seen[0] && right > view.seen[0] ? view.seen[0] + 2 : left;
  return Math.max(right, labelLeft + paintName(context, { ...feature, name }, labelLeft, top + 12, theme, free.right - labelLeft));
}

/** For every feature, the left edge in pixels of the next one in its row. */
function nextLefts(features, view) {
  const [found, inRow] = [new Map(), new Map()];
  for (const feature of [...features].reverse()) {
    found.set(feature, (inRow.get(feature.row) ?? Infinity) - 4);
    inRow.set(feature.row, toX(view, feature.start));
  }
  return found;
}

export function paintFeatures(context, track, view, theme) {
  const end = view.start + view.width * view.scale;
  const shown = track.features.filter((feature) => feature.end > view.start && feature.start < end);
  if (!track.features.length && track.empty) {
    setFont(context, theme, 11);
    context.fillStyle = theme.muted;
    context.textAlign = "left";
    context.fillText(track.empty, view.seen[0] + 4, view.height / 2 + 4);
  }
  const next = nextLefts(shown, view);
  const used = new Map(); // row -> pixels already painted, from the left
  for (const feature of shown) {
    const onScreen = toX(view, feature.start) < view.seen[1]; // names stop at the edge of the screen
    const free = { left: Math.max(view.seen[0], used.get(feature.row) ?? -Infinity),
      right: Math.min(next.get(feature), onScreen ? view.seen[1] : Infinity) };
    const colour = feature.color || track.color || (track.glyph === "gene" ? theme.gene : theme.box);
    const paint = track.glyph === "gene" ? paintGene : paintBox;
    used.set(feature.row, paint(context, feature, view, theme, FEATURE_TOP + feature.row * ROW[track.glyph], colour, free));
  }
}

/** The features under a place, smallest first. */
export function featuresAt(track, position, y, slackBases) {
  const row = Math.floor((y - FEATURE_TOP) / ROW[track.glyph]);
  return track.features
    .filter((f) => f.row === row && position >= f.start - slackBases && position < f.end + slackBases)
    .sort((a, b) => a.end - a.start - (b.end - b.start));
}
