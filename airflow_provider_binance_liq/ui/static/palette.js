/* Colours and glyphs. In Airflow they are its theme's, by custom properties that cross a shadow root; elsewhere, the
   same hues are given here, for light and dark. A state is told by its shape as well as by its colour. */

/** A custom property of Airflow's theme, or what stands for it in a plain file. */
const themed = (name, light, dark = light) => `var(--chakra-colors-${name}, light-dark(${light}, ${dark}))`;

/** A step of a hue in light and another in dark; both are the theme's where there is one. */
const stepped = (hue, light, lightValue, dark, darkValue) =>
  `light-dark(var(--chakra-colors-${hue}-${light}, ${lightValue}), var(--chakra-colors-${hue}-${dark}, ${darkValue}))`;

/** Glyphs are masks of 12 × 12, so they take their colour from the cell. Most days are proven: the glyphs of these are
    a clip and a gradient, which are painted faster. */
const mask = (shape) =>
  `url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 12 12' fill='none' stroke='%23000' `
  + `stroke-width='1.8' stroke-linecap='round' stroke-linejoin='round'%3E${shape.replaceAll("<", "%3C").replaceAll(">", "%3E")}%3C/svg%3E")`;

const GLYPHS = {
  m: "<circle cx='6' cy='6' r='2.6'/>",
  urgent: "<path d='M6 2.2V6.6M6 9.6V9.7'/>",
  u: "<path d='M4 4.6C4 3.2 5 2.5 6 2.5S8 3.2 8 4.5C8 5.9 6 5.9 6 7.3M6 9.6V9.7'/>",
  h: "<path d='M2.4 9.6 9.6 2.4'/>",
  f: "<path d='M2.6 4.6H9.4M2.6 7.6H9.4M8 2.2 4 9.8'/>",
  l: "<path d='M3.4 3.4 8.6 8.6M8.6 3.4 3.4 8.6'/>",
  n: "<path d='M2.6 6H2.7M6 6H6.1M9.3 6H9.4'/>",
};

const glyphRules = Object.entries(GLYPHS)
  .map(([name, shape]) => `.s-${name} { --glyph: ${mask(shape)}; }`)
  .join("\n");

export const PALETTE = `
:host {
  --bg: ${themed("bg", "#fff", "oklch(0.232 0.032 266)")};
  --panel: ${themed("bg-panel", "#fff", "oklch(0.15 0.028 251)")};
  --soft: ${themed("bg-subtle", "oklch(0.985 0.004 253)", "oklch(0.18 0.03 251)")};
  --softer: ${themed("bg-muted", "oklch(0.955 0.01 253)", "oklch(0.28 0.035 251)")};
  --fg: ${themed("fg", "oklch(0.23 0.032 266)", "oklch(0.97 0.004 253)")};
  --quiet: ${themed("fg-muted", "oklch(0.45 0.055 251)", "oklch(0.75 0.025 252)")};
  --line: ${themed("border", "oklch(0.915 0.01 253)", "oklch(0.32 0.035 251)")};
  --brand: ${themed("brand-solid", "oklch(0.469 0.084 257.657)")};
  --brand-fg: ${themed("brand-fg", "oklch(0.324 0.072 260.329)", "oklch(0.923 0.023 255.082)")};
  --brand-soft: ${themed("brand-subtle", "oklch(0.962 0.012 249.46)", "oklch(0.259 0.062 265.566)")};
  --on-brand: ${themed("brand-contrast", "#fff")};
  --p1: ${stepped("green", 200, "#bbf7d0", 900, "#14532d")};
  --p2: ${stepped("green", 300, "#86efac", 700, "#15803d")};
  --p3: ${stepped("green", 400, "#4ade80", 600, "#16a34a")};
  --p4: ${stepped("green", 600, "#16a34a", 400, "#4ade80")};
  --p5: ${stepped("green", 800, "#166534", 200, "#bbf7d0")};
  --on-p1: ${stepped("green", 600, "#16a34a", 400, "#4ade80")};
  --on-p3: ${stepped("green", 900, "#14532d", 100, "#dcfce7")};
  --on-p4: light-dark(#fff, #052e16);
  --empty: ${stepped("green", 50, "#f0fdf4", 950, "#052e16")};
  --empty-line: ${stepped("green", 200, "#bbf7d0", 900, "#14532d")};
  --bar: ${stepped("green", 500, "#22c55e", 500, "#22c55e")};
  --missing: ${stepped("orange", 600, "#ea580c", 400, "#fb923c")};
  --missing-soft: ${stepped("orange", 50, "#fff7ed", 950, "#431407")};
  --missing-text: ${stepped("orange", 800, "#9a3412", 300, "#fdba74")};
  --urgent: ${stepped("orange", 600, "#ea580c", 500, "#f97316")};
  --on-urgent: light-dark(#fff, #431407);
  --doubt: ${stepped("amber", 200, "#fde68a", 800, "#92400e")};
  --on-doubt: ${stepped("amber", 900, "#78350f", 100, "#fef3c7")};
  --lost: ${stepped("gray", 200, "#e5e7eb", 800, "#2b3340")};
  --on-lost: ${stepped("gray", 500, "#7b8797", 400, "#8b97a8")};
  --failed: ${stepped("red", 600, "#dc2626", 600, "#dc2626")};
  --failed-text: ${stepped("red", 700, "#b91c1c", 300, "#fca5a5")};
  --well-text: ${stepped("green", 800, "#166534", 300, "#86efac")};
  --running: ${stepped("cyan", 600, "#0891b2", 400, "#22d3ee")};
  --not-loaded: ${stepped("blue", 600, "#2563eb", 300, "#93c5fd")};
  --caveat: ${stepped("purple", 700, "#7e22ce", 300, "#d8b4fe")};
}
${glyphRules}
.s-p { --fill: var(--p1); --ink: var(--on-p1); }
.s-p.d2 { --fill: var(--p2); --ink: var(--on-p3); }
.s-p.d3 { --fill: var(--p3); --ink: var(--on-p3); }
.s-p.d4 { --fill: var(--p4); --ink: var(--on-p4); }
.s-p.d5 { --fill: var(--p5); --ink: var(--on-p4); }
.s-e { --fill: var(--empty); --edge: var(--empty-line); --ink: var(--on-p1); }
.s-m { --fill: var(--missing-soft); --edge: var(--missing); --ink: var(--missing); }
.s-u { --fill: var(--doubt); --ink: var(--on-doubt); }
.s-h { --fill: linear-gradient(135deg, var(--missing) 50%, var(--p3) 50%); --ink: var(--bg); }
.s-f { --fill: var(--failed); --ink: #fff; }
.s-l { --fill: var(--lost); --ink: var(--on-lost); }
.s-n { --fill: transparent; --edge: var(--line); --ink: var(--quiet); }
.s-urgent { --fill: var(--urgent); --edge: var(--urgent); --ink: var(--on-urgent); }
.s-u.s-urgent { --fill: var(--doubt); --ink: var(--on-doubt); }
.s-h.s-urgent { --fill: linear-gradient(135deg, var(--urgent) 50%, var(--p3) 50%); }

/* The square of a day, in a row, in a calendar and in the legend. */
.box { position: relative; display: block; width: 14px; height: 14px; border-radius: 3px; background: var(--fill);
  box-shadow: inset 0 0 0 1.25px var(--edge, transparent); flex: none; }
.box::before { content: ""; position: absolute; inset: 1.5px; background: var(--ink);
  mask: var(--glyph) center / contain no-repeat; }
.s-p::before { mask: none; clip-path: polygon(20% 58%, 29% 48%, 43% 61%, 70% 27%, 80% 35%, 44% 80%); }
.s-e::before { mask: none; background: radial-gradient(circle, var(--ink) 13%, transparent 17%); }
.caveat > .box::after, .box.caveat::after { content: ""; position: absolute; top: 0; right: 0; width: 6px; height: 6px;
  background: var(--caveat); clip-path: polygon(0 0, 100% 0, 100% 100%); border-top-right-radius: 3px; }
.waits > .box > i, .box.waits > i { position: absolute; left: 0; bottom: 0; width: 6px; height: 6px; background: var(--not-loaded);
  clip-path: polygon(0 0, 100% 100%, 0 100%); border-bottom-left-radius: 3px; }
.runs > .box, .box.runs { outline: 2px solid var(--running); outline-offset: 0; animation: beat 1.6s ease-in-out infinite; }
@keyframes beat { 50% { outline-color: color-mix(in oklab, var(--running) 30%, transparent); } }
@media (prefers-reduced-motion: reduce) { .box { animation: none !important; } }
@media (forced-colors: active) { .box { forced-color-adjust: none; } }
`;
