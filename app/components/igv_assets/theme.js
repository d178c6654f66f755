// Colours and type of the browser, read from the page so that light, dark and custom themes all hold.

const PALETTES = {
  safe: { A: "#009E73", C: "#0072B2", G: "#E69F00", T: "#D55E00", N: "#94A3B8" },
  classic: { A: "#2E9E3F", C: "#2757C9", G: "#E8A317", T: "#D62F2F", N: "#94A3B8" },
};

const LIGHT = {
  text: "#0f172a", muted: "#64748b", line: "#e2e8f0", tick: "#94a3b8", background: "#ffffff",
  unknown: "#f6f8fa", mark: "#fef3c7", gene: "#334155", signal: "#0072B2", box: "#56B4E9", onBox: "#ffffff",
  raises: "#0072B2", lowers: "#D55E00", noEffect: "#ffffff",
};

const DARK = {
  text: "#e8edf4", muted: "#9aa8ba", line: "#334155", tick: "#64748b", background: "#0e1117",
  unknown: "#161b24", mark: "#4a3d12", gene: "#cbd5e1", signal: "#56B4E9", box: "#56B4E9", onBox: "#0e1117",
  raises: "#56B4E9", lowers: "#E66100", noEffect: "#161b24",
};

const SYSTEM_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

/** The theme of the page that `element` stands in; `onPaper` is the light one, whatever the page looks like. */
export function themeOf(element, paletteName, onPaper = false) {
  const styles = getComputedStyle(element);
  const background = styles.getPropertyValue("--st-background-color").trim();
  const dark = !onPaper && luminance(background) < 0.4;
  const base = dark ? { ...DARK, background: background || DARK.background } : LIGHT;
  return { ...base, dark, font: SYSTEM_FONT, letters: PALETTES[paletteName] || PALETTES.safe };
}

function luminance(colour) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = "#ffffff";
  if (colour && colour !== "unset") probe.fillStyle = colour;
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(probe.fillStyle);
  if (!hex) return 1;
  const [red, green, blue] = hex.slice(1).map((part) => parseInt(part, 16) / 255);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** `#rrggbb` with an opacity, as `rgba()`. */
export function faded(hex, opacity) {
  const parts = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hex);
  if (!parts) return hex;
  const [red, green, blue] = parts.slice(1).map((part) => parseInt(part, 16));
  return `rgba(${red},${green},${blue},${opacity})`;
}
