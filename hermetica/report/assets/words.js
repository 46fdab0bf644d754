// Numbers as people read them, and elements made without any text becoming markup.
"use strict";

const NUMBER = new Intl.NumberFormat("en");

function count(number) {
  return NUMBER.format(number);
}

function many(number, noun, plural) {
  return `${count(number)} ${number === 1 ? noun : plural || noun + "s"}`;
}

function bytes(size) {
  let rest = size;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (rest < 1000) return unit === "B" ? `${rest} B` : `${rest.toFixed(1)} ${unit}`;
    rest /= 1000;
  }
  return `${rest.toFixed(1)} TB`;
}

function seconds(length) {
  if (length < 0.0995) return `${Math.round(length * 1000)} ms`;
  if (length < 9.95) return `${length.toFixed(2)} s`;
  if (length < 59.95) return `${length.toFixed(1)} s`;
  const whole = Math.round(length);
  const pad = number => String(number).padStart(2, "0");
  const rest = `${Math.floor(whole / 60) % 60}`;
  return whole < 3600 ? `${rest}:${pad(whole % 60)} min` : `${Math.floor(whole / 3600)}:${rest.padStart(2, "0")}:${pad(whole % 60)} h`;
}

// element("p.note", {title: "x"}, "text", otherElement): what is a string stays text.
function element(name, attributes, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== ""));
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

// What each state is called and marked with; the mark says it where colour does not.
const MARKS = {
  built: "✓", fetched: "↓", substituted: "⇣", reproduced: "≡", cached: "=", failed: "✗", "timed-out": "⧖",
  "not-reproducible": "≠", cancelled: "–", "dependency-failed": "·", unfinished: "…",
};
const BAD = new Set(["failed", "timed-out", "not-reproducible"]);
const SPOKEN = {"dependency-failed": "not tried", cached: "cut off early"};

function spoken(state) {
  return SPOKEN[state] || state.replace("-", " ");
}
