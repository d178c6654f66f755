// The thin bar over the tracks: pan, locus box, zoom, SVG. Built with DOM calls only; no text is ever parsed as HTML.

const BUTTONS = {
  farLeft: ["\u00AB", "Move left by one window"],
  left: ["\u2039", "Move left by a quarter window"],
  right: ["\u203A", "Move right by a quarter window"],
  farRight: ["\u00BB", "Move right by one window"],
  zoomOut: ["\u2212", "Zoom out"],
  zoomIn: ["+", "Zoom in"],
  svg: ["SVG", "Save exactly what is shown here as an SVG picture"],
};

function button(name, onClick) {
  const element = document.createElement("button");
  const [text, description] = BUTTONS[name];
  element.type = "button";
  element.className = `tool tool-${name}`;
  element.textContent = text;
  element.title = description;
  element.setAttribute("aria-label", description);
  element.addEventListener("click", onClick);
  return element;
}

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

export function prettyLength(length) {
  if (length < 10_000) return `${length.toLocaleString("en-US")} bp`;
  if (length < 1_000_000) return `${(length / 1000).toFixed(length < 100_000 ? 1 : 0)} kb`;
  return `${(length / 1_000_000).toFixed(length % 1_000_000 ? 2 : 0)} Mb`;
}

function textWidth(text, element) {
  const pen = (textWidth.pen ??= document.createElement("canvas").getContext("2d"));
  const { fontWeight, fontSize, fontFamily } = getComputedStyle(element);
  pen.font = `${fontWeight} ${fontSize} ${fontFamily}`;
  return Math.ceil(pen.measureText(text).width);
}

/** Builds the bar; `actions` has pan(fraction), zoom(factor), typed(text), save(). Returns {bar, show(text, length)}. */
export function buildToolbar(actions) {
  const input = element("input", "locus");
  Object.assign(input, { type: "text", spellcheck: false, autocomplete: "off", maxLength: 4000 });
  input.setAttribute("aria-label", "Place shown; type another place and press Enter");
  const length = element("span", "length");
  let shown = "";
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", () => { input.value = shown; });
  input.addEventListener("keydown", (event) => {
    event.stopPropagation(); // keys typed here are not shortcuts of the page
    if (event.key === "Escape") { input.value = shown; input.blur(); }
    if (event.key === "Enter" && input.value.trim()) {
      const typed = input.value.trim();
      if (typed !== shown) { shown = typed; actions.typed(typed); }
      input.blur();
    }
  });
  const bar = element("div", "toolbar",
    element("div", "group", button("farLeft", () => actions.pan(-1)), button("left", () => actions.pan(-0.25))),
    element("div", "group place", input, length),
    element("div", "group", button("right", () => actions.pan(0.25)), button("farRight", () => actions.pan(1))),
    element("div", "spring"),
    element("div", "group", button("zoomOut", () => actions.zoom(2)), element("span", "caption", "zoom"),
      button("zoomIn", () => actions.zoom(0.5))),
    element("div", "group", button("svg", () => actions.save())));
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", "Genome browser controls");
  const show = (text, bases) => {
    shown = text;
    if (input.getRootNode().activeElement !== input) input.value = text;
    input.style.width = `${textWidth(text, input) + 18}px`;
    length.textContent = prettyLength(bases);
  };
  return { bar, show };
}
