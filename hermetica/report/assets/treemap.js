// What the results need at run time, each object as large as its files. Source: Bruls, Huizing and van Wijk, "Squarified
// Treemaps" (2000).
"use strict";

class Treemap {
  // objects: [{name, bytes, asked, task}], the largest first; task is -1 for what this run did not make.
  constructor(canvas, objects, onselect, onhover) {
    this.objects = objects;
    this.onselect = onselect;
    this.boxes = [];
    this.chosen = -1;
    this.surface = new Surface(canvas, (pen, width, height) => this.paint(pen, width, height));
    this.surface.onresize = () => { this.boxes = []; };
    canvas.addEventListener("click", event => this.onselect(this.at(event.offsetX, event.offsetY)));
    canvas.addEventListener("pointermove", event => onhover(this.at(event.offsetX, event.offsetY), event.offsetX, event.offsetY));
    canvas.addEventListener("pointerleave", () => onhover(-1));
    canvas.addEventListener("keydown", event => {
      const by = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
      if (by && this.objects.length) this.onselect(Math.min(this.objects.length - 1, Math.max(0, this.chosen + by)));
      else if (event.key === "Escape") this.onselect(-1);
      else return;
      event.preventDefault();
    });
  }

  at(x, y) {
    return this.boxes.findIndex(box => box && x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height);
  }

  select(number) {
    this.chosen = number;
    this.surface.ask();
  }

  lay(width, height) {
    const sizes = this.objects.map(object => object.bytes);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    let rest = {x: 0, y: 0, width, height};
    let begin = 0;
    const factor = total ? width * height / total : 0;
    while (begin < sizes.length && sizes[begin] > 0) {
      const side = Math.min(rest.width, rest.height);
      let end = begin + 1;
      let sum = sizes[begin] * factor;
      const worst = (area, least, most) => Math.max(side * side * most / (area * area), area * area / (side * side * least));
      let best = worst(sum, sum, sum);
      while (end < sizes.length && sizes[end] > 0) {
        const more = sum + sizes[end] * factor;
        const next = worst(more, sizes[end] * factor, sizes[begin] * factor);
        if (next > best) break;
        [sum, best] = [more, next];
        end += 1;
      }
      rest = this.strip(rest, sizes.slice(begin, end).map(size => size * factor), sum);
      begin = end;
    }
  }

  strip(rest, areas, sum) {
    const across = rest.width >= rest.height;
    const thick = sum / Math.max(1e-9, across ? rest.height : rest.width);
    let at = across ? rest.y : rest.x;
    for (const area of areas) {
      const long = area / Math.max(1e-9, thick);
      this.boxes.push(across ? {x: rest.x, y: at, width: thick, height: long} : {x: at, y: rest.y, width: long, height: thick});
      at += long;
    }
    return across
      ? {x: rest.x + thick, y: rest.y, width: rest.width - thick, height: rest.height}
      : {x: rest.x, y: rest.y + thick, width: rest.width, height: rest.height - thick};
  }

  paint(pen, width, height) {
    if (!this.boxes.length) this.lay(width, height);
    const color = colors();
    pen.textBaseline = "top";
    pen.textAlign = "left";
    for (const [number, box] of this.boxes.entries()) {
      const object = this.objects[number];
      const gap = box.width > 5 && box.height > 5 ? 1 : 0.2;
      pen.fillStyle = object.task >= 0 ? color.build : color.reused;
      pen.fillRect(box.x, box.y, box.width - gap, box.height - gap);
      if (object.asked) {
        pen.strokeStyle = color.ink;
        pen.lineWidth = 1.6;
        pen.strokeRect(box.x + 1.3, box.y + 1.3, Math.max(0.5, box.width - gap - 2.6), Math.max(0.5, box.height - gap - 2.6));
      }
      if (box.width < 34 || box.height < 18) continue;
      pen.fillStyle = color.ink;
      pen.font = `12px ${color.sans}`;
      pen.fillText(clip(pen, (object.asked ? "★ " : "") + object.name, box.width - 12), box.x + 6, box.y + 5);
      if (box.height < 36) continue;
      pen.fillStyle = color.soft;
      pen.font = `11px ${color.sans}`;
      pen.fillText(clip(pen, bytes(object.bytes), box.width - 12), box.x + 6, box.y + 20);
    }
    const box = this.boxes[this.chosen];
    if (!box) return;
    pen.strokeStyle = color.select;
    pen.lineWidth = 3;
    pen.strokeRect(box.x + 1.5, box.y + 1.5, Math.max(2, box.width - 4), Math.max(2, box.height - 4));
  }
}
