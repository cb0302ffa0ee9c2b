// Charts that come alive in the browser. Bundled with Vega by `make setup`; runs under script-src 'self' without eval.
// Each <script type="application/json" data-chart="ID"> has the specification for the element ID, which holds the
// same picture as SVG already: it stays if anything fails here.
const SVG = "http://www.w3.org/2000/svg";
const PAINTED = ["fill", "stroke", "colour"];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--chart-${name}`).trim() || "currentColor";
}

function hatch(defs, id, name) {
  const pattern = document.createElementNS(SVG, "pattern");
  const soft = name.startsWith("state-") ? name : `${name}-soft`;
  const line = name === "state-provisional" ? "accent" : name;
  for (const [key, value] of Object.entries({
    id, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
  })) pattern.setAttribute(key, value);
  for (const [width, fill] of [[5, colour(soft)], [1.6, colour(line)]]) {
    const part = document.createElementNS(SVG, "rect");
    part.setAttribute("width", width);
    part.setAttribute("height", 5);
    part.setAttribute("fill", fill);
    pattern.append(part);
  }
  defs.append(pattern);
}

async function enliven(script) {
  const place = document.getElementById(script.dataset.chart);
  const drawn = place && place.querySelector("svg");
  if (!drawn) return;
  const specification = JSON.parse(script.textContent);
  const hatches = new Map();
  for (const rows of Object.values(specification.datasets)) {
    for (const row of rows) {
      for (const key of PAINTED) {
        const value = row[key];
        if (typeof value !== "string") continue;
        if (value.startsWith("@")) row[key] = colour(value.slice(1));
        if (value.startsWith("%hatch-")) {
          const name = value.slice("%hatch-".length);
          hatches.set(name, `${place.id}-live-${name}`);
          row[key] = `url(#${hatches.get(name)})`;
        }
      }
    }
  }
  const made = document.createElement("div");
  const { view } = await vegaEmbed(made, specification, {
    renderer: "svg", actions: false, ast: true, defaultStyle: false, tooltip: { disableDefaultStyle: true },
  });
  const svg = made.querySelector("svg");
  svg.setAttribute("class", "chart live");
  svg.setAttribute("role", "img");
  svg.removeAttribute("style");
  if (!svg.hasAttribute("viewBox")) {
    svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
  }
  const defs = document.createElementNS(SVG, "defs");
  for (const [name, id] of hatches) hatch(defs, id, name);
  svg.prepend(defs);
  for (const tag of ["desc", "title"]) {
    const said = drawn.querySelector(`:scope > ${tag}`);
    if (said) svg.prepend(said.cloneNode(true));
  }
  svg.setAttribute("aria-labelledby", drawn.getAttribute("aria-labelledby") || "");
  for (const mark of svg.querySelectorAll("[aria-label]")) mark.removeAttribute("aria-label");
  for (const mark of svg.querySelectorAll("[role]")) mark.removeAttribute("role");
  drawn.replaceWith(svg);
  place.dataset.live = "yes";
  return view;
}

async function all() {
  for (const script of document.querySelectorAll("script[data-chart]")) {
    if (script.dataset.done) continue;
    script.dataset.done = "yes";
    try {
      await enliven(script);
    } catch (error) {
      console.warn(`the chart ${script.dataset.chart} stays a picture: ${error}`);
    }
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
else all();
document.addEventListener("charts", all);
