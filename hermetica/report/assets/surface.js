// A canvas that is sharp on every screen, is drawn once a frame at most, and knows the colours of the page.
"use strict";

const NAMES = ["ink", "soft", "paper", "card", "line", "select", "build", "builtin", "fetch", "source", "object", "bad", "badline", "good", "reused"];
const dark = matchMedia("(prefers-color-scheme: dark)");
let palette = null;

function colors() {
  if (palette === null) {
    const style = getComputedStyle(document.documentElement);
    palette = Object.fromEntries(NAMES.map(name => [name, style.getPropertyValue("--" + name).trim()]));
    palette.sans = style.getPropertyValue("--sans").trim();
  }
  return palette;
}

class Surface {
  static all = [];

  // paint(pen, width, height) draws everything; sizes are in CSS pixels.
  constructor(canvas, paint) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.paint = paint;
    this.asked = false;
    this.width = canvas.clientWidth;
    this.height = canvas.clientHeight;
    this.onresize = () => {};
    new ResizeObserver(() => {
      this.width = canvas.clientWidth;
      this.height = canvas.clientHeight;
      this.onresize();
      this.ask();
    }).observe(canvas);
    Surface.all.push(this);
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.asked = false;
    const ratio = devicePixelRatio || 1;
    const [wide, high] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (!wide || !high) return;
    if (this.canvas.width !== wide || this.canvas.height !== high) {
      this.canvas.width = wide;
      this.canvas.height = high;
    }
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.pen.clearRect(0, 0, this.width, this.height);
    this.paint(this.pen, this.width, this.height);
  }
}

// repaint: after the colours of the page changed.
function repaint() {
  palette = null;
  for (const surface of Surface.all) {
    surface.onresize();
    surface.ask();
  }
}
dark.addEventListener("change", repaint);

// Dragging, the wheel, two fingers: told as pan(dx, dy), zoom(factor, x, y) and press(x, y), in CSS pixels. A wheel
// that meant to scroll the page does: it zooms where the canvas has the focus, or with Ctrl, or where `eager` says so.
function gestures(canvas, {pan, zoom, press, hover, eager = false}) {
  const held = new Map();
  let moved = 0;
  canvas.addEventListener("wheel", event => {
    if (!eager && !event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(-(event.deltaX || event.deltaY), 0);
    else zoom(Math.exp(-event.deltaY / (event.ctrlKey ? 120 : 480)), event.offsetX, event.offsetY);
  }, {passive: false});
  canvas.addEventListener("pointerdown", event => {
    if (event.button !== 0) return;
    held.set(event.pointerId, {x: event.offsetX, y: event.offsetY});
    if (held.size === 1) moved = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    const from = held.get(event.pointerId);
    if (!from) {
      if (hover) hover(event.offsetX, event.offsetY);
      return;
    }
    const [dx, dy] = [event.offsetX - from.x, event.offsetY - from.y];
    if (held.size === 2) {
      const other = [...held].find(([id]) => id !== event.pointerId)[1];
      const before = Math.hypot(from.x - other.x, from.y - other.y) || 1;
      const after = Math.hypot(event.offsetX - other.x, event.offsetY - other.y) || 1;
      zoom(after / before, (event.offsetX + other.x) / 2, (event.offsetY + other.y) / 2);
    } else pan(dx, dy);
    moved += Math.abs(dx) + Math.abs(dy);
    held.set(event.pointerId, {x: event.offsetX, y: event.offsetY});
  });
  const release = event => {
    const ended = held.delete(event.pointerId);
    if (ended && event.type === "pointerup" && !held.size && moved < 5) press(event.offsetX, event.offsetY);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => hover && hover(-1, -1));
}
