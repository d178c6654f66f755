// The track class that is registered with igv.js: igv pans, zooms, clips and exports; the painters draw.

import { paintLabels } from "./furniture.js";
import {
  HEAT_ROWS, featuresAt, heatRowAt, paintBases, paintFeatures, paintGround, paintHeat, paintLetters, paintSignal,
} from "./painters.js";

const PAINTERS = { signal: paintSignal, letters: paintLetters, heat: paintHeat, bases: paintBases, features: paintFeatures };
const number = (value, unit = "") =>
  value === null || value === undefined
    ? "no value"
    : `${Number(value.toPrecision(3)).toString().replace("-", "\u2212")} ${unit}`.trim();
const place = (position) => (position + 1).toLocaleString("en-US");

/** What igv.js asks to draw, in the words of the painters; `seen` is the part of the wide canvas that is on screen. */
export function viewOf(options) {
  const left = -options.pixelShift;
  return {
    start: options.bpStart,
    scale: options.bpPerPixel,
    width: options.pixelWidth,
    height: options.pixelHeight,
    seen: [left, left + options.viewportWidth],
  };
}

/** Makes the track class on top of igv's own base class; `shared` is the BrowserView that owns theme and window. */
export function trackClass(igv) {
  return class CislensTrack extends igv.TrackBase {
    init(config) {
      super.init(config);
      this.shared = config.shared;
      this.data = config.data;
      this.ignoreTrackMenu = true;
      this.minHeight = 1;
    }

    // Everything is already here: igv only needs to be told that its cache is filled.
    async getFeatures(chr, start, end) {
      return [{ chr, start, end }];
    }

    draw(options) {
      const view = viewOf(options);
      const { theme, window, marks } = this.shared;
      const whole = this.data.kind !== "features";
      options.context.fillStyle = theme.background;
      options.context.fillRect(0, 0, view.width, view.height);
      paintGround(options.context, view, whole ? window : null, marks, theme);
      PAINTERS[this.data.kind](options.context, this.data, view, theme);
      // An exported picture changes nothing on screen.
      if (options.context instanceof CanvasRenderingContext2D) this.painted = this.shared.picture(this);
    }

    labels() {
      return `${this.data.digest}|${this.shared.ground}`;
    }

    paintAxis(context, width, height) {
      if (context instanceof CanvasRenderingContext2D) this.labelled = this.labels();
      paintLabels(context, this.data, width, height, this.shared.theme);
    }

    /** What stands at a place, as plain [term, text] rows, or null. */
    rowsAt(position, y, basesPerPixel) {
      const data = this.data;
      if (data.kind === "features") {
        const feature = featuresAt(data, position, y, 3 * basesPerPixel)[0];
        return feature ? featureRows(feature, this.shared.chrom) : null;
      }
      const base = Math.floor(position);
      if (data.kind === "signal") return signalRows(data, base);
      const index = base - data.start;
      if (index < 0 || index >= data.bases.length) return null;
      const rows = [["Position", place(base)], ["Base", data.bases[index]]];
      if (data.kind === "heat") return heatRows(data, rows, index, heatRowAt(y, this.height));
      if (data.kind === "letters") rows.push(["Contribution", number(data.values[index], data.unit)]);
      return rows;
    }

    hoverText(state) {
      const rows = this.rowsAt(state.genomicLocation, state.y, state.referenceFrame.bpPerPixel);
      return rows ? rows.map(([term, text]) => (term ? `${term}: ${text}` : text)).join("\n") : undefined;
    }

    popupData(state) {
      const rows = this.rowsAt(state.genomicLocation, state.y, state.referenceFrame.bpPerPixel);
      this.shared.clicked(this, rows, Math.floor(state.genomicLocation), state.event);
      return undefined;
    }

    dispose() {
      this.trackView = undefined;
    }
  };
}

/** What putting the base of a row of the map in place of the one that stands there does. */
function heatRows(data, rows, index, row) {
  if (row < 0 || HEAT_ROWS[row] === data.bases[index]) return [rows[0], [data.bases[index], "stands here"]];
  return [rows[0], [`${data.bases[index]}>${HEAT_ROWS[row]}`, number(data.rows[row][index], data.unit)]];
}

function signalRows(data, base) {
  const index = data.starts
    ? data.starts.findIndex((start, i) => base >= start && base < data.ends[i])
    : Math.floor((base - data.start) / data.step);
  if (index < 0 || index >= data.values.length) return null;
  const rows = [["Position", place(base)], [data.name || "Value", number(data.values[index], data.unit)]];
  if (data.low) rows.push([data.band || "Band", `${number(data.low[index])} to ${number(data.high[index])}`]);
  return rows;
}

function featureRows(feature, chrom) {
  const rows = [["", feature.label ? `${feature.name} ${feature.label}`.trim() : feature.name]];
  const strand = feature.strand ? ` (${feature.strand === "-" ? "\u2212" : "+"})` : "";
  rows.push(["Place", `${chrom}:${place(feature.start)}-${feature.end.toLocaleString("en-US")}${strand}`]);
  for (const [term, text] of feature.details || []) rows.push([term, text]);
  return rows;
}
