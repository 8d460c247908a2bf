/* Small ways to make elements. Texts of a document are set as text, never as HTML. */

import { CAVEAT, NOT_LOADED } from "./states.js";

/** An element with attributes (a function is a listener, null is left out) and children (texts or elements). */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const button = (label, click, attributes = {}) => make("button", { type: "button", click, ...attributes }, label);

/** The square of a state, outside of a grid: as in the legend. */
export const square = (classes) => make("span", { class: `box ${classes}`, "aria-hidden": "true" }, make("i"));

export const link = (href, label, attributes = {}) => make("a", { href, ...attributes }, label);

/** A link to a page of Airflow, or of the exchange: beside this page, whose choices stay as they are. */
export const outside = (href, label) => link(href, label, { target: "_blank", rel: "noopener noreferrer" });

/** Terms and what they are; a pair without a value is left out. */
export const terms = (pairs) =>
  make("dl", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]));

/** Classes of a day's cell, from its letter and flags: they decide its colour, its glyph and its marks. */
export function cellClasses(letter, flags, { rows = 0, step = 1, urgent = false, running = "", aside = false } = {}) {
  const found = ["c"];
  if (flags & CAVEAT) found.push("caveat");
  if (flags & NOT_LOADED) found.push("waits");
  if (rows) found.push("has");
  if (running) found.push("runs");
  if (aside) found.push("aside");
  const box = letter === "p" && rows ? ` d${step}` : "";
  return { cell: found.join(" "), box: `box s-${letter}${box}${urgent ? " s-urgent" : ""}` };
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure origin there is no clipboard: the older way asks for none.
    const area = make("textarea", { style: "position:fixed;opacity:0" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  link(url, "", { download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

const QUOTES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** For an attribute's value, where many cells are made from one text. */
export const escaped = (text) => text.replace(/[&<>"]/g, (found) => QUOTES[found]);

/** A text whose names of fields are between backticks. */
export const withNames = (text) => text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
