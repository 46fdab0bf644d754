// What several canvases draw alike.
"use strict";

function clip(pen, text, width) {
  if (width < 14) return "";
  if (pen.measureText(text).width <= width) return text;
  const fits = Math.floor(text.length * width / pen.measureText(text).width) - 1;
  return fits < 2 ? "" : text.slice(0, fits) + "…";
}

// Stripes say "failed" where colour cannot.
function stripes(pen, x, y, width, height, color) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, width, height);
  pen.clip();
  pen.beginPath();
  for (let at = x - height; at < x + width; at += 5) {
    pen.moveTo(at, y + height);
    pen.lineTo(at + height, y);
  }
  pen.strokeStyle = color;
  pen.lineWidth = 1.2;
  pen.stroke();
  pen.restore();
}

// A step of an axis that gives about `wanted` marks over `span`.
function step(span, wanted) {
  const raw = span / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const steps = raw > 5 && raw < 3600 ? [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600] : [power, 2 * power, 5 * power, 10 * power];
  return steps.find(each => each >= raw) || steps[steps.length - 1];
}
