// The genome browser of the Locus page: igv.js inside a Streamlit component. Python sends what to show (`data`), this
// file tells Python where the user went (`locus`) and which base was clicked (`clicked`). No URL is ever loaded.

import { paintRuler } from "./furniture.js";
import { closePopover, openPopover } from "./popover.js";
import { buildToolbar } from "./toolbar.js";
import { themeOf } from "./theme.js";
import { trackClass, viewOf } from "./tracks.js";

const LABEL_WIDTH = 150; // the left column: names, notes, axis numbers
const IGV_AXIS_WIDTH = 50; // what igv.js itself subtracts for that column
const RULER_HEIGHT = 30;
const DEBOUNCE = 300; // ms of rest before Python is told where the user went
const INNER_CSS = `
  .igv-container { padding: 0 0 0 ${LABEL_WIDTH - IGV_AXIS_WIDTH}px; box-sizing: border-box; width: 100%; min-height: 0; }
  .igv-axis-column { margin-left: ${IGV_AXIS_WIDTH - LABEL_WIDTH}px; flex: none; }
  .igv-loading-spinner-container { display: none !important; }
  .igv-viewport { cursor: grab; } .igv-viewport:active { cursor: grabbing; }
  .igv-gear-menu-column > div, .igv-track-drag-column { background: none; }
`;

let igvLoaded; // one load of the bundle for all browsers on the page
const loadIgv = (version) =>
  (igvLoaded ??= import(new URL(`./vendor/igv.esm.min.js?v=${version}`, import.meta.url)).then(({ default: igv }) => {
    igv.registerTrackClass("cislens", trackClass(igv));
    return igv;
  }).catch((error) => {
    igvLoaded = undefined; // the next update tries again
    throw error;
  }));

const sameLocus = (a, b) => !!a && !!b && a.chrom === b.chrom && a.start === b.start && a.end === b.end;
const textOf = ({ chrom, start, end }) => `${chrom}:${(start + 1).toLocaleString("en-US")}-${end.toLocaleString("en-US")}`;

class BrowserView {
  constructor(parent) {
    this.host = parent.querySelector(".cislens-igv");
    this.work = Promise.resolve();
    this.pending = []; // places told to Python and not yet answered
    this.marks = [];
    this.counter = 0;
    this.host.tabIndex = 0;
    this.host.setAttribute("role", "region");
    this.toolbar = buildToolbar({
      pan: (fraction) => this.pan(fraction),
      zoom: (factor) => this.zoom(factor),
      typed: (text) => this.typed(text),
      save: () => this.saveSvg(),
    });
    this.stage = document.createElement("div");
    this.stage.className = "stage";
    this.notice = document.createElement("div");
    this.notice.className = "notice";
    this.host.replaceChildren(this.toolbar.bar, this.stage, this.notice);
    this.listen();
  }

  // ---- Python -> browser ----------------------------------------------------------------------------------------

  update(data, tell) {
    this.tell = tell;
    this.next = data;
    this.work = this.work.then(async () => {
      const wanted = this.next;
      this.next = undefined;
      if (wanted && !this.closed) await this.show(wanted);
    }).catch((error) => this.fail(error));
  }

  async show(data) {
    const began = performance.now();
    this.data = data;
    this.theme = themeOf(this.host, data.palette);
    this.host.dataset.theme = this.theme.dark ? "dark" : "light";
    this.chrom = data.locus.chrom;
    this.window = data.window;
    this.marks = data.marks;
    this.ground = JSON.stringify([this.theme, data.window, data.marks]);
    this.setChromosome(data);
    if (!this.browser) await this.create(data);
    if (this.closed) return this.close();
    await this.setTracks(data);
    await this.follow(data.locus);
    this.repaint();
    this.host.dataset.state = "ready";
    this.host.dataset.updateMs = String(Math.round(performance.now() - began));
  }

  async create(data) {
    const began = performance.now();
    const igv = await loadIgv(data.version);
    const header = `>${data.locus.chrom}:1-1 @len=${data.chrom_length}`;
    this.browser = await igv.createBrowser(this.stage, {
      loadDefaultGenomes: false,
      reference: { id: "cislens", fastaURL: `data:application/octet-stream;base64,${btoa(`${header}\nN\n`)}`, indexed: false,
        wholeGenomeView: false, tracks: [] },
      locus: `${data.locus.chrom}:${Math.max(0, data.locus.start) + 1}-${data.locus.end}`,
      showControls: false, showNavigation: false, showIdeogram: false, showSequence: false, showTrackLabels: false,
      showTrackDragHandles: false, showGearColumn: false, showCenterGuide: false, showCursorGuide: false,
      axisWidth: LABEL_WIDTH, minimumBases: 20, doubleClickDelay: 250, tracks: [],
    });
    this.igv = igv;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(INNER_CSS);
    this.stage.shadowRoot.adoptedStyleSheets = [...this.stage.shadowRoot.adoptedStyleSheets, sheet];
    this.adaptBrowser();
    this.lastFromPython = undefined;
    this.host.dataset.readyMs = String(Math.round(performance.now() - began));
  }

  /** The few places where igv's own habits would jump, reload or ask for sequence. */
  adaptBrowser() {
    const { browser } = this;
    browser.genome.getSequence = async (chrom, start, end) => "N".repeat(Math.max(0, end - start));
    browser.genome.getChromosome = () => this.chromosome;
    browser.genome.loadChromosome = async () => this.chromosome;
    browser.genome.getChromosomeName = (name) => name;
    browser.updateReferenceFrames = (width) => {
      const at = this.frame;
      at.bpPerPixel = (at.end - at.start) / width; // a resized page shows the same place
    };
    const ruler = browser.trackViews.find(({ track }) => track.type === "ruler");
    ruler.track.draw = (options) =>
      paintRuler(options.context, { ...viewOf(options), height: RULER_HEIGHT }, this.theme);
    ruler.setTrackHeight(RULER_HEIGHT, true);
    browser.zoomWithScaleFactor = async (factor, center) => this.zoom(factor, center);
    browser.on("locuschange", () => this.moved());
    browser.on("trackclick", () => false); // our own popover, never igv's HTML
  }

  setChromosome({ locus, chrom_length: length }) {
    this.chromosome = { name: locus.chrom, order: 0, bpStart: Math.min(0, locus.start),
      bpLength: Math.max(length, locus.end), getAltName: () => locus.chrom };
  }

  /** Brings the tracks to what Python sent, in place: same id and kind keep their row; equal data are left alone. */
  async setTracks({ tracks }) {
    const own = () => this.browser.trackViews.filter(({ track }) => track.type === "cislens");
    const wanted = new Map(tracks.map((track, order) => [track.id, { ...track, order: order + 1 }]));
    for (const { track } of own()) {
      if (wanted.get(track.key)?.kind !== track.data.kind) this.browser.removeTrack(track);
    }
    const kept = new Map(own().map(({ track }) => [track.key, track]));
    let reordered = false;
    const added = [];
    for (const [key, data] of wanted) {
      const track = kept.get(key);
      if (!track) {
        added.push({ type: "cislens", name: `track${data.order}`, id: `track-${data.order}`, height: data.height,
          order: data.order, data, key, shared: this });
        continue;
      }
      reordered ||= track.order !== data.order;
      track.order = data.order;
      track.data = data;
      if (track.height !== data.height) track.trackView.setTrackHeight(data.height, true);
    }
    if (added.length) {
      const made = await this.browser.loadTrackList(added);
      made.forEach((track) => { track.key = track.config.key; });
    }
    if (added.length || reordered) this.browser.reorderTracks();
    this.nameRows(own());
  }

  /** Full names as hover text of the left column, and in what a screen reader says. */
  nameRows(views) {
    const names = views.map(({ track, axis }) => {
      axis.title = [track.data.name, track.data.note].filter(Boolean).join(", ");
      return track.data.name;
    });
    this.host.setAttribute("aria-label", `${this.data.label}. Tracks: ${names.join("; ")}`);
    this.host.dataset.tracks = String(views.length);
  }

  /** Goes where Python says, unless Python only echoes where the user went. */
  async follow(locus) {
    const echo = this.pending.findIndex((told) => sameLocus(told, locus));
    const repeated = sameLocus(this.lastFromPython, locus);
    this.lastFromPython = locus;
    if (echo >= 0) this.pending.splice(0, echo + 1);
    else if (!repeated) await this.moveTo(locus, false);
    this.showPlace();
  }

  // ---- the place on screen --------------------------------------------------------------------------------------

  get frame() {
    return this.browser.referenceFrameList[0];
  }

  get place() {
    const { chr, start, end } = this.frame;
    const from = Math.round(start);
    return { chrom: chr, start: from, end: from + Math.max(1, Math.round(end - start)) };
  }

  async moveTo(locus, byUser) {
    clearTimeout(this.timer);
    this.quiet = !byUser;
    const { frame } = this;
    frame.chr = locus.chrom;
    frame.start = locus.start;
    frame.end = locus.end;
    frame.bpPerPixel = (locus.end - locus.start) / this.browser.calculateViewportWidth(1);
    await this.browser.updateViews();
    if (!byUser) this.settled = this.place;
    this.quiet = false;
    this.repaint();
  }

  /** A length that can be shown: at most what Python answers and what the chromosome has. */
  span(length) {
    const { bpStart, bpLength } = this.chromosome;
    return Math.round(Math.max(20, Math.min(length, this.data.max_length, bpLength - bpStart)));
  }

  /** The place of this length that starts nearest to a wanted base and stays on the chromosome. */
  placeFrom(start, length) {
    const { bpStart, bpLength } = this.chromosome;
    const from = Math.round(Math.max(bpStart, Math.min(start, bpLength - length)));
    return { chrom: this.chrom, start: from, end: from + length };
  }

  pan(fraction) {
    const { start, end } = this.place;
    this.moveTo(this.placeFrom(start + fraction * (end - start), end - start), true);
  }

  zoom(factor, center) {
    const { start, end } = this.place;
    const length = this.span((end - start) * factor);
    this.moveTo(this.placeFrom((center ?? (start + end) / 2) - length / 2, length), true);
  }

  typed(text) {
    const found = /^([^\s:]{1,64}):([\d,]{1,15})-([\d,]{1,15})$/.exec(text);
    const [start, end] = found ? found.slice(2).map((digits) => Number(digits.replaceAll(",", ""))) : [];
    const near = found && found[1] === this.chrom && start >= 1 && end - start >= 19 && end <= this.chromosome.bpLength;
    if (near && end - start < this.data.max_length) this.moveTo({ chrom: this.chrom, start: start - 1, end }, true);
    else this.report({ text });
  }

  moved() {
    this.showPlace();
    closePopover(this.host);
    if (this.quiet || !this.settled || sameLocus(this.settled, this.place)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.reportPlace(), DEBOUNCE);
  }

  showPlace() {
    const { place } = this;
    this.toolbar.show(textOf(place), place.end - place.start);
  }

  // ---- browser -> Python ----------------------------------------------------------------------------------------

  reportPlace() {
    if (this.closed) return;
    if (this.browser.dragObject) {
      this.timer = setTimeout(() => this.reportPlace(), DEBOUNCE); // still dragging
      return;
    }
    this.repaint();
    const { place } = this;
    this.settled = place;
    const told = { chrom: place.chrom, start: Math.max(0, place.start), end: place.end };
    this.pending.push(told);
    this.report({ ...told, text: textOf(told) });
  }

  report(message) {
    this.tell("locus", { ...message, n: this.stamp() });
  }

  clicked(track, rows, position, event) {
    const box = this.host.getBoundingClientRect();
    if (rows) openPopover(this.host, rows, event.clientX - box.left, event.clientY - box.top);
    else closePopover(this.host);
    if (rows && ["letters", "heat", "bases"].includes(track.data.kind))
      this.tell("clicked", { position, n: this.stamp() });
  }

  /** A number that never comes twice, also after the page was left and opened again. */
  stamp() {
    this.counter = Math.max(Date.now(), this.counter + 1);
    return this.counter;
  }

  // ---- picture, keys, size, end ---------------------------------------------------------------------------------

  /** What the picture of a track depends on: the place, what is shown, and the ground behind it. */
  picture(track) {
    return [this.frame.start, this.frame.bpPerPixel, track.data.digest, this.ground].join("|");
  }

  /** Paints every track whose picture is another than the one that stands there: painting is what takes time. */
  repaint() {
    for (const trackView of this.browser?.trackViews ?? []) {
      const { track } = trackView;
      if (track.type !== "cislens" || track.painted !== this.picture(track)) trackView.repaintViews();
      else if (track.labelled !== track.labels()) trackView.paintAxis();
    }
  }

  svg() {
    const screen = this.theme;
    this.theme = themeOf(this.host, this.data.palette, true);
    const text = this.browser.toSVG();
    this.theme = screen;
    const picture = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    const width = Math.ceil(Number(picture.getAttribute("width")) + LABEL_WIDTH - IGV_AXIS_WIDTH);
    const height = Math.ceil(Number(picture.getAttribute("height")) + 4);
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` }))
      picture.setAttribute(name, value);
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = `${this.data.label}, ${textOf(this.place)}`;
    picture.prepend(title);
    return new XMLSerializer().serializeToString(picture);
  }

  saveSvg() {
    const url = URL.createObjectURL(new Blob([this.svg()], { type: "image/svg+xml" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${textOf(this.place).replaceAll(",", "").replace(/[^\w.-]+/g, "_")}.svg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  listen() {
    const keys = { ArrowLeft: () => this.pan(-0.25), ArrowRight: () => this.pan(0.25), "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5), "-": () => this.zoom(2), Escape: () => closePopover(this.host) };
    this.host.onkeydown = (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey || !this.browser) return;
      event.preventDefault();
      event.stopPropagation();
      keys[event.key]();
    };
    this.stage.addEventListener("contextmenu", (event) => event.stopPropagation(), true); // the page's own menu, not igv's
    this.resizing = new ResizeObserver(([{ contentRect }]) => {
      const width = Math.round(contentRect.width);
      if (this.browser && width && width !== this.width) {
        clearTimeout(this.resizeTimer);
        this.resizeTimer = setTimeout(() => this.resize(), 60);
      }
      this.width = width;
    });
    this.resizing.observe(this.stage);
  }

  async resize() {
    if (this.closed) return;
    this.quiet = true;
    for (const trackView of this.browser.trackViews) {
      if (trackView.track.type === "cislens") trackView.resizeAxisCanvas(LABEL_WIDTH, trackView.track.height); // was 0 wide while hidden
    }
    await this.browser.layoutChange();
    this.quiet = false;
    this.browser.repaintViews();
  }

  fail(error) {
    console.error(error);
    this.host.dataset.state = "failed";
    this.notice.textContent = "The genome browser could not start. Reload the page; if it stays so, run `make setup` once.";
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.resizing.disconnect();
    if (this.browser) this.igv.removeBrowser(this.browser);
    this.browser = undefined;
  }
}

const views = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  if (!views.has(parentElement)) views.set(parentElement, new BrowserView(parentElement));
  const view = views.get(parentElement);
  view.update(data, setStateValue);
  return () => {
    view.close();
    views.delete(parentElement);
  };
}
